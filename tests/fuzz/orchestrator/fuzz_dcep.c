/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever a data channel brings as DCEP, the parser stays inside it, and an OPEN it takes
 * can be written and read again as the same channel.
 */
#include "orchestrator/shell/sctp/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes message = {data, len};
    struct dcep_open open;
    int type = dcep_type(message);
    int err = dcep_parse_open(&open, message);
    assert(err != 0 || type == DCEP_OPEN);
    if (err != 0 || open.label.len >= ORCH_SCTP_LABEL_MAX)
        return 0;

    char label[ORCH_SCTP_LABEL_MAX] = "";
    memcpy(label, open.label.data, open.label.len);
    const struct orch_sctp_channel channel = {
        .label = label,
        .ordered = open.ordered,
        .reliability = open.reliability,
        .limit = open.limit,
    };
    uint8_t written[DCEP_OPEN_MAX];
    struct dcep_open again;
    err = dcep_parse_open(&again, (struct bytes){written, dcep_write_open(written, &channel)});
    assert(err == 0 && again.ordered == open.ordered && again.reliability == open.reliability &&
           again.limit == open.limit && again.label.len == strlen(label));
    return 0;
}
