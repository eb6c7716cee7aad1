/* SPDX-License-Identifier: Apache-2.0
 *
 *  0                   1                   2                   3      (RFC 8832 §5.1)
 *  |  type = 3     | channel type  |           priority            |
 *  |                    reliability parameter                      |
 *  |         label length          |        protocol length        |
 *  |  label, protocol ...
 */
#include "orchestrator/shell/sctp/dcep.h"

#define UNORDERED 0x80

int dcep_type(struct bytes message)
{
    if (message.len == 0 || (message.data[0] != DCEP_ACK && message.data[0] != DCEP_OPEN))
        return ERR_INVALID;
    return message.data[0];
}

int dcep_parse_open(struct dcep_open *out, struct bytes message)
{
    const uint8_t *p = message.data;
    if (message.len < DCEP_OPEN_SIZE)
        return ERR_TRUNCATED;
    unsigned reliability = p[1] & ~(unsigned)UNORDERED;
    if (p[0] != DCEP_OPEN || reliability > ORCH_SCTP_LIFETIME)
        return ERR_INVALID;
    size_t label_len = be16_get(p + 8);
    size_t protocol_len = be16_get(p + 10);
    if (message.len - DCEP_OPEN_SIZE < label_len + protocol_len)
        return ERR_TRUNCATED;
    *out = (struct dcep_open){
        .ordered = (p[1] & UNORDERED) == 0,
        .reliability = (enum orch_sctp_reliability)reliability,
        .limit = reliability == ORCH_SCTP_RELIABLE ? 0 : be32_get(p + 4),
        .priority = be16_get(p + 2),
        .label = {p + DCEP_OPEN_SIZE, label_len},
        .protocol = {p + DCEP_OPEN_SIZE + label_len, protocol_len},
    };
    return 0;
}

size_t dcep_write_open(uint8_t out[DCEP_OPEN_MAX], const struct orch_sctp_channel *channel)
{
    size_t label_len = strlen(channel->label);
    assert(label_len < ORCH_SCTP_LABEL_MAX);
    memset(out, 0, DCEP_OPEN_SIZE);
    out[0] = DCEP_OPEN;
    out[1] = (uint8_t)(channel->reliability | (channel->ordered ? 0 : UNORDERED));
    be32_put(out + 4, channel->limit);
    be16_put(out + 8, (uint16_t)label_len);
    memcpy(out + DCEP_OPEN_SIZE, channel->label, label_len);
    return DCEP_OPEN_SIZE + label_len;
}
