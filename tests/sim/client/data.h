/* SPDX-License-Identifier: Apache-2.0
 *
 * Reliable messages, as the SDKs have them: numbered by their sender's SDK, which says them again
 * after a resume where the server tells that it lacks them, and dropped by the receiver's if they
 * came before. Each message says whose it is, of which peer connection, and which.
 *
 *   JavaScript   gives a message away once SCTP has it, so what its front lost is lost; says
 *                nothing for 2 s after a resume
 *   Rust         keeps messages, and says all again that the server does not have, after 1 s
 */
#ifndef TESTS_SIM_CLIENT_DATA_H
#define TESTS_SIM_CLIENT_DATA_H

#include "common/base/base.h"
#include "proto/gen/client.pb-c.h"

#define DATA_TIMES    64 /* messages whose time is remembered */
#define DATA_LOST_MAX 8

struct client;
struct pc_handler;

/* The newest message that came of one who publishes: of one session of somebody. */
struct data_heard {
    char sid[ID_MAX];
    uint8_t who;
    uint16_t session;
    uint32_t number;
};

/* Of one peer connection. */
struct data {
    bool keeps;                   /* as Rust does */
    bool open;                    /* the channel, from the first association on */
    uint32_t tag;                 /* of the association on which it was opened, or goes on */
    uint32_t said;                /* number of the last message: of the person */
    uint32_t given;               /* ... and to SCTP */
    int64_t quiet_us;             /* none is given to it until then */
    int64_t given_us[DATA_TIMES]; /* by number */
    struct {
        uint32_t from, to;
    } lost[DATA_LOST_MAX]; /* with a front, the newest last */
    size_t lost_count;
    struct data_heard *heard; /* owned */
    size_t heard_count;
};

void data_begin(struct client *client);
void data_fini(struct data *data);

/* At every tick. */
void data_say(struct client *client, const struct pc_handler *handler);
/* Something came over the channel. */
void data_told(struct client *client, struct bytes message);

/* A resume was answered: the server has its messages up to that one. */
void data_resumed(struct client *client, uint32_t last);
/* Its association is over: what the front had not acknowledged, or had of late, may be lost. */
void data_front_lost(struct client *client);
/* Whether that message may be. */
bool data_may_lack(const struct data *data, uint32_t number);
/* The newest one given to SCTP by then that nobody may lack. */
uint32_t data_due(const struct data *data, int64_t before_us);
/* The newest one that came of that session of somebody; 0: none. */
uint32_t data_newest(const struct data *data, size_t who, uint16_t session);

/* For a SyncState: in the arena. */
void data_state(const struct client *client, Livekit__SyncState *out, struct arena *arena);

#endif
