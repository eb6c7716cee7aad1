/* SPDX-License-Identifier: Apache-2.0
 *
 * An orchestrator core under virtual time with clients around it that exist only as messages, and
 * nodes whose specs are applied and checked (orch_nodes.h); what nodes say beyond their
 * acknowledgements is the test's. What the core does is written down as one line an effect, so that
 * a test can state the story it expects and fail as a difference.
 *
 *   conn 1 < join alice others=0          a SignalResponse
 *   node ND_a < spec v2 base=1 t=1 k=1 s=0   transports, tracks, subscriptions
 *   front T1 open | close | route ND_a    transports are numbered as they appear
 */
#ifndef TESTS_LIB_ORCH_WORLD_H
#define TESTS_LIB_ORCH_WORLD_H

#include "orchestrator/core/cluster/cluster.h"
#include "orchestrator/core/turn/turn.h"
#include "tests/lib/orch_nodes.h"
#include "tests/lib/trace_tree.h"

struct world {
    struct orch *orch;
    /* One of several (cluster_world.h): what it is asked goes through here. NULL: the orch alone.
     */
    struct cluster *cluster;
    void (*elsewhere)(struct world *world,
                      const struct effect *effect); /* PEER_SEND, STORE_CLAIM */
    void *arg;
    uint64_t request; /* number of what its APIs are asked */
    struct prng prng;
    struct tracer tracer; /* samples nothing until a test says so */
    struct prng trace_prng;
    struct trace_tree traces;
    struct journal *journal; /* of what it logs */
    struct log_sink log;
    struct token_key key;
    struct turn_config turn; /* no servers until a test says some */
    int64_t now_us;
    char *story; /* since the last world_story() */
    char *told;  /* what that returned */
    size_t story_len;
    bool aloud;           /* each line goes to stderr, too */
    uint64_t *transports; /* owned */
    uint64_t last_front;  /* of a FRONT_OPEN */
    size_t transport_count;
    char *last_answer; /* SDP of the last answer sent, owned */
    char *last_offer;  /* SDP of the last offer of ours, owned */
    uint32_t last_offer_id;
    uint64_t last_offer_conn;          /* to whom */
    struct turn_credentials last_turn; /* of the last join or reconnect that had any */
    char *last_token;                  /* that a client was given, owned */
    char last_sid[ID_MAX];             /* of the last track_published */
    char last_room[ID_MAX];            /* sid of the last spec's room */
    uint64_t last_epoch;
    Spillway__Control__RoomSpec *last_spec;   /* owned */
    Spillway__Control__RoomSpec *spec_before; /* the one before it, owned */
    char *last_reply;                         /* body of the last REPLY, owned */
    char last_rpc[ID_MAX];                    /* id of the last RpcRequest to a client */
    int last_status;
    const char *room_config;               /* of tokens, JSON; NULL: none */
    const char *kind;                      /* likewise, "agent" for one */
    Spillway__Control__TrunkReport *trunk; /* in the next heartbeats; NULL none */
    uint32_t node_capacity;                /* of the next node; 0: 1000 */
    uint32_t node_weight;                  /* what nodes say in their heartbeats that they carry */
    uint32_t node_lag_us;                  /* and how late their loop was */
    Spillway__Control__RoomVersion **held; /* by the node that registers next */
    size_t held_count;
    bool nodes_full; /* what is sent to a node finds no place */
    bool specs_lost; /* it does, and gets lost on the way */
    struct orch_nodes *nodes;
    bool checking;                       /* specs are compared, and not told */
    const char *region;                  /* attribute of tokens, NULL none */
    bool no_hand_over;                   /* the next node cannot */
    Spillway__Control__Service *service; /* that the node says next it was told; NULL nothing */
    const char *node_region;             /* of the next node, NULL r1 */
    bool tells_watches;                  /* of neighbours, in the story */
    /* A bench: nothing is told, and what the core takes of this clock is added up. */
    int64_t (*cpu_us)(void);                                         /* NULL: no bench */
    void (*shown)(struct world *world, const struct effect *effect); /* to a bench; may be NULL */
    int64_t spent_us;
};

void world_init(struct world *world);
void world_init_sealing(struct world *world); /* nodes keep its sessions for a next owner */
struct world_site {
    const char *id, *region;
    uint64_t number; /* as of a front, see effect.h */
    size_t peer_count;
    bool seals; /* as of orch_config */
};
void world_init_site(struct world *world, const struct world_site *site);
/* Checks before, as world_check() does. */
void world_fini(struct world *world);

/* Ends the program unless what every node was told adds up to what it would be told now. */
void world_check(struct world *world);

/* Carries out what is left to do; every function here does so at its end. */
void world_drain(struct world *world);

/* Lets time pass, deadline by deadline. */
void world_advance(struct world *world, int64_t us);

/* What was done since the last call; valid until the next. */
const char *world_story(struct world *world);

/* A node with UDP ports 4000 and 4001 and TCP port 4000 registers, at 127.0.0.1 if its id ends in
 * a, 127.0.0.2 if in b. */
void world_node(struct world *world, const char *id);
void world_node_at(struct world *world, const char *id, const char *const *ips, size_t count);
void world_register(struct world *world, const char *id, Spillway__Control__Endpoint **endpoints,
                    size_t count);
void world_heartbeat(struct world *world, const char *id, uint64_t sequence);
/* With rooms that the node says it holds. */
void world_heartbeat_rooms(struct world *world, const char *id, uint64_t sequence,
                           Spillway__Control__RoomVersion **rooms, size_t count);
/* It is being stopped. */
void world_draining(struct world *world, const char *id);
void world_ack(struct world *world, const char *id, Spillway__Control__SpecAck *ack);
/* The client of that transport has its path at the node; and: the node has stopped serving it, and
 * says where (of one subscription; 0: of none). */
void world_arrive(struct world *world, const char *node, size_t transport);
void world_hand_over(struct world *world, const char *node, size_t transport,
                     uint32_t subscription);
void world_event(struct world *world, const char *id, Spillway__Control__Event *event);

struct world_join {
    const char *room, *identity;
    const char *offer_file; /* in tests/data/sdp, NULL: none embedded */
    bool reconnect;
    const char *sid;        /* of the session that it resumes; NULL: it does not say */
    bool data_tracks;       /* it subscribes to by itself */
    const char *browser;    /* NULL: chrome */
    bool two_connections;   /* as by /rtc */
    bool go;                /* LiveKit's Go SDK, on pion */
    const char *other_sdks; /* as its ClientInfo has it; NULL: none */
    const char *front; /* that its WebSocket reached, NULL: OR_test; another one is in region r2 */
    void (*grants)(struct token_video *video); /* NULL: roomJoin alone */
};
void world_join(struct world *world, uint64_t conn, const struct world_join *join);
void world_validate(struct world *world, const struct world_join *join); /* the same, asked first */
void world_signal(struct world *world, uint64_t conn, const Livekit__SignalRequest *request);
/* A file of tests/data/sdp, to be freed. All have the certificate AB:AB:..., so that each can
 * follow another as an offer of one PeerConnection. */
char *world_read_offer(const char *offer_file);
void world_offer(struct world *world, uint64_t conn, const char *offer_file, uint32_t id);
/* The text of such a file, to be freed. */
char *world_read_offer(const char *offer_file);
void world_offer_text(struct world *world, uint64_t conn, const char *offer, uint32_t id);
/* A client with two connections answers the last offer. */
void world_answer(struct world *world, uint64_t conn, const char *answer, uint32_t id);
void world_add_track(struct world *world, uint64_t conn, const char *cid, Livekit__TrackType type);
/* How somebody wants to see the track published last. */
void world_watch(struct world *world, uint64_t conn, Livekit__VideoQuality quality);
void world_watch_at(struct world *world, uint64_t conn, Livekit__VideoQuality quality,
                    uint32_t fps);
/* DTLS of the transport with that number is through. */
void world_connected(struct world *world, size_t transport);
void world_twirp(struct world *world, const char *method, const char *json);
/* With a token that grants this verb and no other; ASK: a POST that changes nothing. */
void world_admin(struct world *world, const char *verb, const char *path, const char *json);

/* A POST of these; returns its status. */
int world_post(struct world *world, const char *path, const char *json);

/* The next heartbeat of a node that carries so much. */
void world_beat(struct world *world, const char *id, uint32_t weight);

/* With one that grants nothing, of that role. */
void world_admin_as(struct world *world, enum token_role role, const char *verb, const char *path,
                    const char *json);

/* GET of a list as a table of these fields. */
void world_list(struct world *world, const char *path, const char *fields);

/* GET events; wait_s NULL: at once. */
void world_events(struct world *world, const char *after, const char *wait_s);

/* A token for these grants, to be freed. */
char *world_token(struct world *world, const char *identity, const struct token_video *video);

#endif
