/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's connectivity checks, right or wrong in chosen ways, for tests of whoever answers them.
 * Its responses to checks of ours are what stun_build_success makes with the client's password.
 */
#ifndef TESTS_LIB_STUN_CLIENT_H
#define TESTS_LIB_STUN_CLIENT_H

#include "media-node/core/stun/stun.h"

struct stun_client_check {
    const char *server_ufrag;
    const char *client_ufrag;
    const char *server_pwd; /* NULL: no MESSAGE-INTEGRITY */
    uint32_t priority;
    uint8_t transaction; /* fills the transaction id */
    bool use_candidate;
    bool controlled;        /* claims the wrong role */
    bool no_username;       /* leaves it out */
    bool no_fingerprint;    /* leaves it out */
    bool unknown_attribute; /* adds one that must be understood */
    bool indication;        /* a Binding indication instead of a request */
};

/* Returns the length; out holds STUN_BUILD_MAX bytes. */
size_t stun_client_request(uint8_t *out, const struct stun_client_check *check);

#endif
