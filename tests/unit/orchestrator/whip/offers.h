/* SPDX-License-Identifier: Apache-2.0
 *
 * Offers as small as they may be, of clients that publish or play.
 */
#ifndef TESTS_UNIT_ORCHESTRATOR_WHIP_OFFERS_H
#define TESTS_UNIT_ORCHESTRATOR_WHIP_OFFERS_H

#define OFFER_UFRAG "abcd"

/* direction: "sendonly", ...; NULL: no such section. To be freed with free(). */
char *offer_text(const char *audio, const char *video);

#endif
