/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody with a LiveKit SDK: joins through one of the orchestrators, publishes a microphone,
 * hears the others, says and gets reliable messages if they are to, and does what livekit-client
 * does when something breaks:
 *
 *   WebSocket lost            resumes at another front; an ICE restart with it
 *   no media path             the same
 *   resuming fails for 15 s   starts over, with a new peer connection
 *   never connected in 15 s   the same
 *   leave RESUME, RECONNECT   as told; DISCONNECT: is out, and tries again like a person does
 */
#ifndef TESTS_SIM_CLIENT_CLIENT_H
#define TESTS_SIM_CLIENT_CLIENT_H

#include "proto/gen/client.pb-c.h"
#include "tests/sim/client/data.h"
#include "tests/sim/client/pc.h"

#define CLIENT_SECTIONS 64
#define CLIENT_PEOPLE   32
#define CLIENT_TALK_US  TIME_MS(200)

struct sim;

enum client_state {
    CLIENT_AWAY,    /* does not want to be in a room */
    CLIENT_OUT,     /* wants to, and waits before the next attempt */
    CLIENT_JOINING, /* its WebSocket is asked for, and no join came yet */
    CLIENT_IN,
    CLIENT_RESUMING, /* was in, and has no signalling */
};

struct client {
    struct sim *sim;
    size_t index, host;
    char name[8], region[8], room[16];
    struct prng prng;
    enum client_state state;
    struct net_link *ws; /* NULL: none */
    size_t front;        /* tried last */
    size_t association;  /* the front with which this peer connection shook hands */
    int64_t until_us;    /* what it waits for in this state has that long */
    int64_t broken_us;   /* since when it resumes */
    int64_t ping_us;     /* the next one */
    bool ticking;
    struct pc pc;
    bool has_pc;
    int64_t began_us; /* when it was made */
    uint16_t pcs;     /* so far */
    struct data data; /* if messages are said */
    struct offer_section sections[CLIENT_SECTIONS];
    size_t section_count;
    char person[ID_MAX];      /* its own sid */
    int microphone;           /* section, -1: not announced; known once it has a sid */
    char sid[OFFER_WORD_MAX]; /* of its track */
    bool announced, published;
    int camera; /* as the microphone, if there are cameras */
    char camera_sid[OFFER_WORD_MAX];
    bool camera_announced;
    uint32_t offer_id;
    bool offered, offer_wanted; /* one is not answered; another is needed */
    uint32_t roster;            /* bit by client: the server says it is there */
    int64_t heard_us[CLIENT_PEOPLE], seen_us[CLIENT_PEOPLE];
    int64_t pause_us; /* longest time between two packets of one publisher */
    unsigned resumed; /* how many orchestrators had been told to stop when it did so last */
    uint32_t relied;  /* bit by orchestrator: its front and its room's owners, in this round */
};

void client_init(struct client *client, struct sim *sim, size_t index);
void client_fini(struct client *client);

void client_join(struct client *client, const char *room);
void client_leave(struct client *client);
/* Its machine is switched off: not a word. */
void client_vanish(struct client *client);

/* net_fn, arg is the client. */
void client_datagram(void *arg, uint64_t number, struct bytes data);

/* ---- signal.c */
void client_told(struct client *client, struct bytes message);
void client_ping(struct client *client);
void client_publish(struct client *client);
void client_request(struct client *client, const Livekit__SignalRequest *request);
void client_offer(struct client *client);
char *client_offer_text(struct client *client);
/* client.c */
void client_start_over(struct client *client, const char *why);
void client_resume(struct client *client, const char *why);
void client_thrown_out(struct client *client, int reason);
void client_is_in(struct client *client);

#endif
