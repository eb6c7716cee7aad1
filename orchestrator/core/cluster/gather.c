/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of everything, and what changes a node: the same question to everybody who is up, one
 * answer out of theirs and ours.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

struct gather {
    uint64_t request;
    int64_t until_us;
    struct twirp_call call; /* ListRooms; method NULL: of the admin API */
    const char *kind;       /* of merge_admin, as are */
    char *fields;           /* these; owned */
    bool asked[MEMBERS_MAX];
    char *names[MEMBERS_MAX]; /* of those, owned: a peer that is lost meanwhile has none */
    struct merge_part parts[MEMBERS_MAX];
    UT_hash_handle hh;
};

static struct gather *find(const struct cluster *c, uint64_t request)
{
    struct gather *gather;
    HASH_FIND(hh, c->gathers, &request, sizeof(request), gather);
    return gather;
}

static void forget(struct cluster *c, struct gather *gather)
{
    HASH_DEL(c->gathers, gather);
    for (size_t member = 0; member < MEMBERS_MAX; member++) {
        free(gather->parts[member].body);
        free(gather->names[member]);
    }
    twirp_call_fini(&gather->call);
    free(gather->fields);
    free(gather);
}

void gather_free_all(struct cluster *c)
{
    while (c->gathers != NULL) {
        forget(c, c->gathers);
    }
}

/* ---- The answer ---------------------------------------------------------------------------- */

static size_t who_is_missing(struct cluster *c, const struct gather *gather,
                             const char *names[MEMBERS_MAX])
{
    size_t count = 0;
    for (size_t member = 1; member < c->member_count; member++) {
        if (!gather->asked[member] || gather->parts[member].done) {
            continue;
        }
        names[count++] = gather->names[member];
        c->stats.unanswered++;
        log_write(c->config.log, LOG_WARN, "list_incomplete peer=%s", names[count - 1]);
    }
    return count;
}

static void answer_twirp(struct cluster *c, const struct gather *gather)
{
    struct twirp_answer answer = merge_rooms(&gather->call, gather->parts, c->member_count);
    effects_take(&c->fx, (struct effect){.type = EFFECT_REPLY,
                                         .id = gather->request,
                                         .status = (int)answer.status,
                                         .name = mem_str(answer.content_type),
                                         .data = answer.body,
                                         .len = answer.body_len});
}

static void answer(struct cluster *c, struct gather *gather)
{
    const struct merge_part *ours = &gather->parts[OWNERSHIP_SELF];
    const char *missing[MEMBERS_MAX];
    size_t missing_count = who_is_missing(c, gather, missing);
    if (gather->call.method == NULL) {
        int status;
        char *text = merge_admin(gather->kind, gather->fields, gather->parts, c->member_count,
                                 &status, missing, missing_count);
        effect_reply(&c->fx, gather->request, status, "application/json", text);
        free(text);
    } else if (ours->status != 200) { /* the token is not good for it: an error is JSON */
        effect_reply(&c->fx, gather->request, ours->status, "application/json",
                     (const char *)ours->body);
    } else {
        answer_twirp(c, gather);
    }
    forget(c, gather);
}

bool gather_part(struct cluster *c, size_t member, uint64_t request, int status, struct bytes body)
{
    struct gather *gather = find(c, request);
    if (gather == NULL || gather->parts[member].done || !gather->asked[member]) {
        return gather != NULL;
    }
    gather->parts[member] = (struct merge_part){
        .done = true, .status = status, .body = mem_copy(body.data, body.len), .len = body.len};
    bool complete = true;
    for (size_t other = 0; other < c->member_count; other++) {
        complete &= !gather->asked[other] || gather->parts[other].done;
    }
    if (complete) {
        answer(c, gather);
    }
    return true;
}

void gather_peer_gone(struct cluster *c, size_t member)
{
    struct gather *gather, *next;
    HASH_ITER(hh, c->gathers, gather, next)
    {
        if (gather->asked[member] && !gather->parts[member].done) {
            gather->until_us = c->now_us; /* incomplete at the next deadline, which is now */
        }
    }
}

void gather_expire(struct cluster *c)
{
    struct gather *gather, *next;
    HASH_ITER(hh, c->gathers, gather, next)
    {
        if (gather->until_us <= c->now_us) {
            answer(c, gather);
        }
    }
}

int64_t gather_deadline(const struct cluster *c)
{
    int64_t at = TIME_NEVER;
    for (const struct gather *gather = c->gathers; gather != NULL; gather = gather->hh.next) {
        at = MIN(at, gather->until_us);
    }
    return at;
}

/* ---- The question -------------------------------------------------------------------------- */

/* Sent to everybody who is up; who is cut off does not answer. Ours follows at once by the caller:
 * never NULL after it. */
static struct gather *begin(struct cluster *c, Spillway__Bus__Ask *ask)
{
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    struct gather *gather = mem_alloc(sizeof(*gather));
    gather->request = ask->id;
    gather->until_us = c->now_us + CLUSTER_GATHER_US;
    gather->asked[OWNERSHIP_SELF] = true;
    ask->hops = CLUSTER_HOPS_MAX; /* nobody asks further */
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_ASK;
    message.ask = ask;
    for (size_t member = 1; member < c->member_count; member++) {
        gather->asked[member] = c->peers[member].up || c->peers[member].away;
        gather->names[member] = mem_str(c->peers[member].name);
        if (c->peers[member].up) {
            peer_send(c, member, &message, false);
        }
    }
    HASH_ADD(hh, c->gathers, request, sizeof(gather->request), gather);
    return gather;
}

bool gather_twirp(struct cluster *c, uint64_t request, const struct twirp_head *head,
                  const char *authorization, struct bytes body)
{
    struct twirp_call call = {0};
    struct twirp_error error;
    if (twirp_route(&call, head, &error) != 0 || call.method->id != TWIRP_LIST_ROOMS ||
        twirp_decode(&call, body, &error) != 0) {
        twirp_call_fini(&call);
        return false;
    }
    size_t len;
    uint8_t *packed = wire_pack(call.request, &len); /* parts are protobuf, whatever was asked */
    struct twirp_head parts = {
        .verb = head->verb, .path = head->path, .content_type = "application/protobuf"};
    Spillway__Bus__Twirp twirp = SPILLWAY__BUS__TWIRP__INIT;
    Spillway__Bus__Ask ask = SPILLWAY__BUS__ASK__INIT;
    twirp.verb = (char *)(uintptr_t)parts.verb;
    twirp.path = (char *)(uintptr_t)parts.path;
    twirp.content_type = (char *)(uintptr_t)parts.content_type;
    twirp.authorization = (char *)(uintptr_t)authorization;
    twirp.body = (ProtobufCBinaryData){len, packed};
    ask.id = request;
    ask.ask_case = SPILLWAY__BUS__ASK__ASK_TWIRP;
    ask.twirp = &twirp;
    begin(c, &ask)->call = call;
    orch_twirp(c->orch, c->now_us, request, &parts, authorization, (struct bytes){packed, len});
    free(packed);
    return true;
}

/* Of "nodes/NAME/verb"; NULL: another path. */
static const char *node_verb(const char *path)
{
    static const char prefix[] = "/admin/v1/nodes/";
    const char *slash = strncmp(path, prefix, sizeof(prefix) - 1) == 0
                            ? strchr(path + sizeof(prefix) - 1, '/')
                            : NULL;
    return slash == NULL || strchr(slash + 1, '/') != NULL ? NULL : slash + 1;
}

/* What is asked of all: "rooms", "nodes" and "node" with GET. */
static const char *kind_of(const char *path)
{
    static const char prefix[] = "/admin/v1/";
    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0) {
        return NULL;
    }
    path += sizeof(prefix) - 1;
    if (strcmp(path, "rooms") == 0) {
        return "rooms";
    }
    if (strcmp(path, "nodes") == 0) {
        return "nodes";
    }
    if (strcmp(path, "snapshot") == 0) {
        return "snapshot";
    }
    bool one = strncmp(path, "nodes/", 6) == 0 && strchr(path + 6, '/') == NULL;
    return one ? "node" : NULL;
}

/* The same with POST. */
static const char *posted(const char *path, const char *verb)
{
    if (strcmp(path, "/admin/v1/rebalance") == 0) {
        return "moves";
    }
    return verb == NULL ? NULL : "node";
}

bool gather_admin(struct cluster *c, uint64_t request, const struct orch_admin_request *asked)
{
    struct orch_admin_request whole = *asked;
    const struct orch_admin_request *admin = &whole;
    bool get = strcmp(asked->verb, "GET") == 0;
    const char *verb = node_verb(asked->path);
    const char *kind = get ? kind_of(asked->path) : posted(asked->path, verb);
    if (kind == NULL || (!get && orch_admin_refuses(c->orch, asked))) {
        return false; /* for orch to answer alone */
    }
    if (!get && verb != NULL) {
        whole.weighed = true; /* here: all begin, or nobody */
        whole.changed_us = orch_admin_now(c->orch, asked);
    }
    Spillway__Bus__Admin message = SPILLWAY__BUS__ADMIN__INIT;
    Spillway__Bus__Ask ask = SPILLWAY__BUS__ASK__INIT;
    message.verb = (char *)(uintptr_t)admin->verb;
    message.path = (char *)(uintptr_t)admin->path;
    message.authorization = (char *)(uintptr_t)admin->authorization;
    message.body = (ProtobufCBinaryData){admin->body.len, (uint8_t *)(uintptr_t)admin->body.data};
    message.changed_us = admin->changed_us;
    message.weighed = admin->weighed;
    ask.id = request;
    ask.ask_case = SPILLWAY__BUS__ASK__ASK_ADMIN;
    ask.admin = &message;
    ask.trace = traced_bytes(&admin->trace);
    struct gather *gather = begin(c, &ask);
    gather->kind = kind;
    gather->fields = mem_str(asked->fields == NULL ? "" : asked->fields);
    orch_admin(c->orch, c->now_us, request, admin);
    return true;
}
