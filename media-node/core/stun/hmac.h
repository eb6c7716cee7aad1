/* SPDX-License-Identifier: Apache-2.0
 *
 * HMAC-SHA1 (RFC 2104), as MESSAGE-INTEGRITY has it (RFC 8489 §14.5). It cannot fail.
 */
#ifndef MEDIA_NODE_CORE_STUN_HMAC_H
#define MEDIA_NODE_CORE_STUN_HMAC_H

#include "common/base/base.h"
#include "media-node/core/stun/wire.h"

/* Of a message in two pieces, either of which may be empty. */
void stun_hmac(const char *pwd, struct bytes first, struct bytes rest, uint8_t out[STUN_HMAC_LEN]);

#endif
