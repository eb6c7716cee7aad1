/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to core/peer: the table that says which track and layer an incoming SSRC is.
 *
 *   - An SSRC in the table is what the table says: signalled, or learned here.
 *   - One that is not is looked up by its packet's mid and rid (or repaired rid) extensions, or by
 *     mid alone where the track has one layer; its payload type then tells media from RTX
 *     (RFC 8843 §9.2, RFC 8852 §3). It is learned once the packet has authenticated.
 *   - libwebrtc stops sending these extensions after the first receiver report: so nothing learned
 *     is forgotten while its track lives, except that of two SSRCs learned for one (layer, repair)
 *     the older goes when a third comes: that bounds the table.
 */
#ifndef MEDIA_NODE_CORE_PEER_SOURCES_H
#define MEDIA_NODE_CORE_PEER_SOURCES_H

#include "media-node/core/peer/peer.h"

#define SOURCES_PER_LAYER 2 /* SSRCs kept for one (track, layer, repair) */

/* All zero: empty. */
struct sources {
    struct peer_track *tracks;
    size_t track_count;
    struct peer_source *list; /* in the order they were learned */
    size_t count;
    size_t capacity;
};

void sources_fini(struct sources *sources);

MUST_CHECK int sources_publish(struct sources *sources, const struct peer_track *track);
void sources_unpublish(struct sources *sources, uint32_t track);

/* The entry of an SSRC, or NULL. */
struct peer_source *sources_find(const struct sources *sources, uint32_t ssrc);

/* What a packet of an unknown SSRC says it is. ERR_NOT_FOUND: nothing that is published. */
MUST_CHECK int sources_resolve(const struct sources *sources, const struct rtp_view *view,
                               const struct rtp_exts *exts, struct peer_source *out);

/* Adds source. Returns the SSRC that had to go for it, or 0. */
uint32_t sources_learn(struct sources *sources, const struct peer_source *source);

#endif
