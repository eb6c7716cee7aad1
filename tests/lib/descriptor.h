/* SPDX-License-Identifier: Apache-2.0
 *
 * Dependency descriptors as libwebrtc writes them, for its scalability modes L1T1 to L3T3 and
 * L2T1_KEY to L3T3_KEY: the templates by the rules of its structures, not by its tables.
 */
#ifndef TESTS_LIB_DESCRIPTOR_H
#define TESTS_LIB_DESCRIPTOR_H

#include "common/base/base.h"

#define DESCRIPTOR_MAX 255

struct descriptor_mode {
    unsigned spatial;  /* layers, 1 to 3 */
    unsigned temporal; /* layers, 1 to 3 */
    bool key_only;     /* only key frames refer to the spatial layer below */
    unsigned first;    /* number of the first template */
};

struct descriptor_frame {
    uint16_t number;
    unsigned spatial;
    unsigned picture; /* since the key frame, which is 0 */
    bool start;       /* first packet of the frame, */
    bool end;         /* last one */
    bool active_told;
    uint32_t active;
};

/* Returns the length. The structure is in the first packet of a key frame. */
size_t descriptor_write(uint8_t out[DESCRIPTOR_MAX], const struct descriptor_mode *mode,
                        const struct descriptor_frame *frame);

/* The temporal layer of a picture. */
unsigned descriptor_temporal(const struct descriptor_mode *mode, unsigned picture);

#endif
