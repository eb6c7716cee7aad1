/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's descriptions of its one PeerConnection, as Chromium has them but with Opus and VP8
 * alone, and what it reads of the answers. A mid is the number of its section.
 */
#ifndef TESTS_BENCH_LOAD_OFFER_H
#define TESTS_BENCH_LOAD_OFFER_H

#include "media-node/core/rtp/rtp.h"

#include <netinet/in.h>

#define OFFER_SECTIONS_MAX 256
#define OFFER_WORD_MAX     64 /* bytes of a ufrag, pwd or cid, NUL included */
#define OFFER_CANDIDATES   4  /* read of an answer */

/* Payload types and extension ids of every offer. */
enum { OFFER_OPUS = 111, OFFER_VP8 = 96, OFFER_VP8_RTX = 97 };
extern const struct rtp_ext_ids offer_exts;

struct offer_section {
    bool video;
    size_t layers; /* that we send; 0: we receive. 1 is no simulcast */
    char cid[OFFER_WORD_MAX];
};

struct offer {
    const char *ufrag;
    const char *pwd;
    const char *fingerprint; /* SHA-256 */
    const struct offer_section *sections;
    size_t section_count;
    uint32_t version;
};

/* SDP; free() it. */
char *offer_write(const struct offer *offer);

struct answer_candidate {
    struct sockaddr_in addr;
    uint32_t priority;
};

struct answer {
    char ufrag[OFFER_WORD_MAX];
    char pwd[OFFER_WORD_MAX];
    char fingerprint[3 * 32];
    struct answer_candidate candidates[OFFER_CANDIDATES]; /* UDP over IPv4; those behind are left */
    size_t candidate_count;
};

/* ERR_NOT_FOUND without ICE parameters, a SHA-256 fingerprint or a candidate we can use. */
MUST_CHECK int answer_read(struct answer *out, const char *sdp);

/* The text behind "candidate:", as a line of SDP or a trickled one has it. ERR_UNSUPPORTED: not UDP
 * over IPv4. ERR_INVALID. */
MUST_CHECK int answer_read_candidate(struct answer_candidate *out, const char *text);

#endif
