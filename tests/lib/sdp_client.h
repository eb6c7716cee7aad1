/* SPDX-License-Identifier: Apache-2.0
 *
 * What a browser answers to an offer of ours: all sections taken as they are.
 */
#ifndef TESTS_LIB_SDP_CLIENT_H
#define TESTS_LIB_SDP_CLIENT_H

/* To be freed. ufrag: of 4 bytes or more; another one than before is a restart of the client's ICE.
 */
char *sdp_client_answer(const char *offer, const char *ufrag);

#endif
