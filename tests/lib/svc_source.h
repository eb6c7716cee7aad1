/* SPDX-License-Identifier: Apache-2.0
 *
 * A media client's source that sends VP9 with layers inside its stream, under the payload type that
 * the client has for video.
 */
#ifndef TESTS_LIB_SVC_SOURCE_H
#define TESTS_LIB_SVC_SOURCE_H

#include "tests/lib/descriptor.h"
#include "tests/lib/media_client.h"

struct svc_source {
    struct media_source *source;
    struct descriptor_mode mode;
    unsigned picture; /* since the last key frame */
    uint16_t frame;   /* next number */
};

/* A picture begins: a key frame if one is wanted. */
void svc_source_begin(struct svc_source *svc);

/* A packet of its frame of that layer, the first or the last one or both, with so much payload, at
 * least 2; which layer it is of is in its last byte. Writes the datagram (MEDIA_CLIENT_PACKET
 * bytes) and returns its length. */
size_t svc_source_send(struct media_client *client, struct svc_source *svc, unsigned spatial,
                       size_t payload_len, bool first, bool last, uint8_t *out);

/* The picture is complete. */
void svc_source_end(struct svc_source *svc);

#endif
