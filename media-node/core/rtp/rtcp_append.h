/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to this folder.
 */
#ifndef MEDIA_NODE_CORE_RTP_RTCP_APPEND_H
#define MEDIA_NODE_CORE_RTP_RTCP_APPEND_H

#include "media-node/core/rtp/rtcp.h"

/* rtcp_write.c: appends a packet whose body is the caller's to fill in (or filled in already, for
 * it stands where it will be), and returns the body; NULL if it does not fit. */
uint8_t *rtcp_append_header(struct rtcp_writer *writer, enum rtcp_type type, unsigned count,
                            size_t body);

#endif
