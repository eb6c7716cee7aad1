/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node counts: traffic, and everything it drops, by reason. One struct of a node is counted
 * into by all its parts; the shell reads it between calls.
 */
#ifndef MEDIA_NODE_CORE_COUNTERS_COUNTERS_H
#define MEDIA_NODE_CORE_COUNTERS_COUNTERS_H

#include "common/base/base.h"

/* X(name, text): the metric spillway_node_<name>_total, also of docs/reference/metrics.md. */
#define COUNTERS_MAP(X)                                                                            \
    X(packets_in, "datagrams received")                                                            \
    X(bytes_in, "bytes received")                                                                  \
    X(packets_out, "datagrams made")                                                               \
    X(bytes_out, "bytes made")                                                                     \
    X(stun_in, "STUN messages that authenticated")                                                 \
    X(dtls_in, "DTLS datagrams passed to an orchestrator")                                         \
    X(dtls_out, "DTLS datagrams passed to a client")                                               \
    X(rtp_in, "RTP packets accepted")                                                              \
    X(rtcp_in, "RTCP packets accepted")                                                            \
    X(rtp_forwarded, "RTP packets made for subscribers")                                           \
    X(rtx_spare, "RTX packets that repaired nothing: clients test their bandwidth with them")      \
    X(rtx_sent, "RTP packets sent again on request")                                               \
    X(nacks_sent, "RTP packets asked for again")                                                   \
    X(plis_sent, "key frames asked for")                                                           \
    X(relay_in, "RTP packets accepted from other nodes")                                           \
    X(relay_out, "RTP packets made for other nodes")                                               \
    X(relay_emptied, "of these, the ones that are a number alone: nobody there wants their layer") \
    X(relay_paced, "video packets for far nodes that waited for their turn")                       \
    X(relay_bytes_in, "bytes received from other nodes: media, feedback and pings")                \
    X(relay_bytes_out, "bytes made for other nodes: media, feedback and pings")                    \
    X(relay_resent, "RTP packets sent to other nodes again on request")                            \
    X(relay_spare, "RTP packets of other nodes that had come another way")                         \
    X(relay_nacks_sent, "RTP packets asked of other nodes again")                                  \
    X(relay_plis_sent, "key frames asked of other nodes")                                          \
    X(relay_plis_in, "key frames other nodes asked for")                                           \
    X(relay_admitted, "voices that began to be relayed because they turned loud")                  \
    X(moves_answered, "own STUN checks answered")                                                  \
    X(moves_unanswered, "own STUN checks given up")                                                \
    X(transports_lost, "transports without consent, or whose TCP connection closed")               \
    X(transports_silent, "transports of which nothing came, and that answered no check")           \
    X(transports_left, "transports no longer sent to: the client was heard to have left")          \
    X(specs_applied, "room specs applied")                                                         \
    X(specs_known, "room specs applied before")                                                    \
    X(specs_need_whole, "room specs answered with NEED_WHOLE")                                     \
    X(specs_stale, "room specs of an outdated epoch")                                              \
    X(specs_full, "room specs refused for want of place")                                          \
    X(specs_invalid, "room specs refused")                                                         \
    X(drop_kind, "dropped: first byte of no known protocol")                                       \
    X(drop_stun_malformed, "dropped: STUN that does not parse")                                    \
    X(drop_stun_ufrag, "dropped: STUN for an unknown ufrag")                                       \
    X(drop_stun_refused, "dropped: STUN that does not authenticate or is out of place")            \
    X(drop_path, "dropped: DTLS, RTP or RTCP from an address that never authenticated")            \
    X(drop_no_keys, "dropped: RTP or RTCP before its keys")                                        \
    X(drop_rtp_malformed, "dropped: RTP that does not parse")                                      \
    X(drop_rtp_source, "dropped: RTP of a source that maps to no track")                           \
    X(drop_rtp_auth, "dropped: RTP that does not authenticate")                                    \
    X(drop_rtp_replay, "dropped: RTP seen before or too old")                                      \
    X(drop_rtp_stream, "dropped: RTP a receiver has no use for")                                   \
    X(drop_rtcp_malformed, "dropped: RTCP that does not parse")                                    \
    X(drop_rtcp_auth, "dropped: RTCP that does not authenticate")                                  \
    X(drop_rtcp_replay, "dropped: RTCP seen before or too old")                                    \
    X(drop_send_path, "not sent: no address or no keys of the client yet")                         \
    X(drop_send_size, "not sent: too big once rewritten")                                          \
    X(drop_send_protect, "not sent: the cipher refused")                                           \
    X(drop_lease, "not sent: the owner does not answer, and the client is not heard")              \
    X(drop_outbox_full, "not sent: the outbox was full")                                           \
    X(drop_resend, "not sent again: no longer here, too often, or over budget")                    \
    X(drop_paced, "not sent: waited for its turn until it was no longer here")                     \
    X(trains_sent, "trains of packets that probed how fast a client may be sent to")               \
    X(paced, "video packets that waited for their turn")                                           \
    X(drop_trunk_malformed, "dropped: from another node, and does not parse")                      \
    X(drop_trunk_ssrc, "dropped: from another node, of an unknown SSRC")                           \
    X(drop_trunk_keys, "dropped: from another node, under keys of an unknown generation")          \
    X(drop_trunk_auth, "dropped: from another node, and does not authenticate")                    \
    X(drop_trunk_replay, "dropped: from another node, seen before or too old")                     \
    X(drop_trunk_stream, "dropped: from another node, and its receiver has no use for it")         \
    X(drop_trunk_unready, "not sent: a trunk without keys or address")                             \
    X(drop_relay_resend, "not sent to another node again: not here, on its way, or over budget")   \
    X(drop_control_malformed, "dropped: control message that does not parse")                      \
    X(drop_control_full, "dropped: control message that found its queue full")                     \
    X(drop_events_link, "dropped: event while its link was down")                                  \
    X(drop_tunnel_malformed, "dropped: tunnel frame that does not parse")                          \
    X(drop_tunnel_transport, "dropped: tunnel frame for an unknown transport")                     \
    X(drop_tunnel_keys, "dropped: keys that are malformed or were replaced before")                \
    X(drop_tunnel_route, "dropped: DTLS of a transport whose orchestrator is not connected")       \
    X(drop_tunnel_full, "dropped: tunnel frame that found its queue full")

struct counters {
#define X(name, text) uint64_t name;
    COUNTERS_MAP(X)
#undef X
};

#endif
