/* SPDX-License-Identifier: Apache-2.0
 *
 * Three things happen here, in this order in the file.
 *
 *   Paths. A check that authenticated adds its path or keeps it young; the oldest goes when there
 * are too many, each goes when no STUN came on it for ICE_PATH_CONSENT, all when none came for
 * ICE_CONSENT. One path may be selected. The client's checks. Each gets an answer or is dropped,
 * always counted. Our checks. Sent every ICE_CHECK_INTERVAL until answered or given up.
 */
#include "media-node/core/ice/ice.h"

#include <stdlib.h>

#define NONE         (-1)
#define RESPONSE_MAX 128 /* a success with an IPv6 address, or a 420, takes under 100 */

/* An input yields at most: each check sent or given up, every path removed, lost. */
#define OUT_MAX (2 * ICE_CHECKS_MAX + ICE_PATHS_MAX + 1)

struct path {
    struct ice_path id;
    int64_t stun_us;  /* last STUN that authenticated */
    int64_t used_us;  /* last STUN or media that did */
    int64_t media_us; /* last media; -1: none yet */
};

struct check {
    struct ice_path path;
    int64_t next_us; /* when to send again or give up */
    uint32_t priority;
    unsigned sent; /* 0: this entry is free */
    uint8_t transaction[STUN_TRANSACTION_LEN];
};

struct pending {
    enum ice_out_kind kind;
    int check; /* ICE_SEND: which of ours to send; NONE: the response */
    struct ice_path path;
};

/* ice_credentials with the strings owned. */
struct secrets {
    char *local_ufrag;
    char *local_pwd;
    char *remote_ufrag;
    char *remote_pwd;
    char *previous_ufrag;
    char *previous_pwd;
};

struct ice {
    struct secrets secrets;
    struct random_source random;
    uint64_t tie_breaker;
    int64_t now_us;
    int64_t stun_us;  /* last that authenticated; -1: none */
    int64_t media_us; /* last media; -1: none */

    struct path paths[ICE_PATHS_MAX];
    int path_count;
    int selected; /* index into paths, or NONE */

    struct check checks[ICE_CHECKS_MAX];

    struct pending out[OUT_MAX];
    int out_count;
    int out_taken;
    size_t response_len;
    uint8_t response[RESPONSE_MAX];

    struct ice_counters counters;
};

/* ---- Output -------------------------------------------------------------------------------- */

static void push(struct ice *ice, enum ice_out_kind kind, const struct ice_path *path)
{
    assert(ice->out_count < OUT_MAX);
    ice->out[ice->out_count++] = (struct pending){.kind = kind, .check = NONE, .path = *path};
}

static void push_check(struct ice *ice, int index)
{
    push(ice, ICE_SEND, &ice->checks[index].path);
    ice->out[ice->out_count - 1].check = index;
}

static void begin_input(struct ice *ice, int64_t now_us)
{
    assert(ice->out_taken == ice->out_count); /* one input, then poll until false */
    assert(now_us >= ice->now_us);
    ice->out_taken = 0;
    ice->out_count = 0;
    ice->now_us = now_us;
}

bool ice_poll(struct ice *ice, struct ice_out *out)
{
    if (ice->out_taken == ice->out_count) {
        return false;
    }
    const struct pending *pending = &ice->out[ice->out_taken++];
    out->kind = pending->kind;
    out->path = pending->path;
    out->len = 0;
    if (pending->kind != ICE_SEND) {
        return true;
    }
    if (pending->check == NONE) {
        memcpy(out->data, ice->response, ice->response_len);
        out->len = ice->response_len;
        return true;
    }
    const struct check *check = &ice->checks[pending->check];
    struct stun_check request = {
        .transaction = check->transaction,
        .remote_ufrag = ice->secrets.remote_ufrag,
        .local_ufrag = ice->secrets.local_ufrag,
        .remote_pwd = ice->secrets.remote_pwd,
        .tie_breaker = ice->tie_breaker,
        .priority = check->priority,
    };
    out->len = stun_build_request(out->data, &request);
    return true;
}

/* ---- Paths --------------------------------------------------------------------------------- */

bool ice_path_equal(const struct ice_path *a, const struct ice_path *b)
{
    return a->endpoint == b->endpoint && a->protocol == b->protocol &&
           net_equal(&a->remote, &b->remote);
}

static int find(const struct ice *ice, const struct ice_path *path)
{
    for (int i = 0; i < ice->path_count; i++) {
        if (ice_path_equal(&ice->paths[i].id, path)) {
            return i;
        }
    }
    return NONE;
}

/* The last path takes the place of the removed one. */
static void remove_at(struct ice *ice, int index)
{
    int last = ice->path_count - 1;
    push(ice, ICE_PATH_REMOVED, &ice->paths[index].id);
    if (ice->selected == index) {
        ice->selected = NONE;
    } else if (ice->selected == last) {
        ice->selected = index;
    }
    ice->paths[index] = ice->paths[last];
    ice->path_count = last;
}

static void evict(struct ice *ice)
{
    int oldest = NONE;
    for (int i = 0; i < ice->path_count; i++) {
        if (i != ice->selected &&
            (oldest == NONE || ice->paths[i].used_us < ice->paths[oldest].used_us)) {
            oldest = i;
        }
    }
    assert(oldest != NONE);
    remove_at(ice, oldest);
    ice->counters.paths_evicted++;
}

/* STUN authenticated on this path: it is known from here on. Returns its index. */
static int authenticated(struct ice *ice, const struct ice_path *path)
{
    int index = find(ice, path);
    if (index == NONE) {
        if (ice->path_count == ICE_PATHS_MAX) {
            evict(ice);
        }
        index = ice->path_count++;
        ice->paths[index] = (struct path){.id = *path, .media_us = -1};
        push(ice, ICE_PATH_ADDED, path);
    }
    ice->paths[index].stun_us = ice->now_us;
    ice->paths[index].used_us = ice->now_us;
    ice->stun_us = ice->now_us;
    return index;
}

static void select_path(struct ice *ice, int index)
{
    if (ice->selected != index) {
        ice->selected = index;
        push(ice, ICE_PATH_SELECTED, &ice->paths[index].id);
    }
}

void ice_media(struct ice *ice, int64_t now_us, const struct ice_path *path)
{
    begin_input(ice, now_us);
    int index = find(ice, path);
    if (index == NONE) {
        return;
    }
    struct path *p = &ice->paths[index];
    bool first = p->media_us < 0 || now_us - p->media_us >= ICE_MEDIA_QUIET;
    p->media_us = now_us;
    p->used_us = now_us;
    ice->media_us = now_us;
    if (first || ice->selected == NONE) {
        select_path(ice, index);
    }
}

void ice_path_closed(struct ice *ice, int64_t now_us, const struct ice_path *path)
{
    begin_input(ice, now_us);
    for (int i = 0; i < ICE_CHECKS_MAX; i++) {
        if (ice->checks[i].sent > 0 && ice_path_equal(&ice->checks[i].path, path)) {
            ice->checks[i].sent = 0;
        }
    }
    int index = find(ice, path);
    if (index != NONE) {
        remove_at(ice, index);
    }
}

bool ice_path_known(const struct ice *ice, const struct ice_path *path)
{
    return find(ice, path) != NONE;
}

const struct ice_path *ice_selected(const struct ice *ice)
{
    return ice->selected == NONE ? NULL : &ice->paths[ice->selected].id;
}

/* ---- The client's checks ------------------------------------------------------------------- */

static void respond(struct ice *ice, const struct ice_path *path, const uint8_t *data, size_t len)
{
    assert(len <= RESPONSE_MAX);
    memcpy(ice->response, data, len);
    ice->response_len = len;
    push(ice, ICE_SEND, path);
}

static int refuse(struct ice *ice, const struct ice_path *path, const struct stun_message *request,
                  enum stun_error_code code, const char *pwd, uint64_t *counter, int err)
{
    uint8_t data[STUN_BUILD_MAX];
    respond(ice, path, data, stun_build_error(data, request, code, pwd));
    (*counter)++;
    return err;
}

static bool is(struct bytes text, const char *string)
{
    return string[0] != '\0' && text.len == strlen(string) &&
           memcmp(text.data, string, text.len) == 0;
}

/* RFC 8445 §7.3, RFC 8489 §9.1.3. Only the part of USERNAME that is ours is compared: the client's
 * own may be news to us, and the integrity vouches for it. */
static int receive_request(struct ice *ice, const struct ice_path *path,
                           const struct stun_message *m)
{
    struct ice_counters *c = &ice->counters;
    const struct secrets *s = &ice->secrets;
    struct bytes ufrag;
    if (m->integrity_at == 0 || stun_local_ufrag(m, &ufrag) != 0) {
        return refuse(ice, path, m, STUN_BAD_REQUEST, NULL, &c->bad_request, ERR_INVALID);
    }
    const char *pwd = is(ufrag, s->local_ufrag)      ? s->local_pwd
                      : is(ufrag, s->previous_ufrag) ? s->previous_pwd
                                                     : NULL;
    if (pwd == NULL) {
        return refuse(ice, path, m, STUN_UNAUTHENTICATED, NULL, &c->bad_user, ERR_NOT_FOUND);
    }
    if (stun_check_integrity(m, pwd) != 0) {
        return refuse(ice, path, m, STUN_UNAUTHENTICATED, NULL, &c->bad_integrity, ERR_AUTH);
    }
    if (m->unknown_count > 0) {
        return refuse(ice, path, m, STUN_UNKNOWN_ATTRIBUTE, pwd, &c->unknown_attribute,
                      ERR_UNSUPPORTED);
    }
    if (m->controlled) {
        /* We are lite and cannot control, so it is never we who give way (RFC 8445 §7.3.1.1). */
        return refuse(ice, path, m, STUN_ROLE_CONFLICT, pwd, &c->role_conflict, ERR_DENIED);
    }
    uint8_t data[STUN_BUILD_MAX];
    respond(ice, path, data, stun_build_success(data, m->transaction, &path->remote, pwd));
    c->requests++;
    int index = authenticated(ice, path);
    if (m->use_candidate) {
        select_path(ice, index);
    }
    return 0;
}

/* ---- Our checks ---------------------------------------------------------------------------- */

/* The check of ours that a response on this path belongs to: it must come from where we sent to
 * (RFC 8445 §7.2.5.2.1). */
static struct check *find_check(struct ice *ice, const struct ice_path *path,
                                const struct stun_message *m)
{
    for (int i = 0; i < ICE_CHECKS_MAX; i++) {
        struct check *check = &ice->checks[i];
        if (check->sent > 0 && ice_path_equal(&check->path, path) &&
            memcmp(check->transaction, m->transaction, STUN_TRANSACTION_LEN) == 0) {
            return check;
        }
    }
    return NULL;
}

static int receive_response(struct ice *ice, const struct ice_path *path,
                            const struct stun_message *m)
{
    struct check *check = find_check(ice, path, m);
    if (check == NULL) {
        ice->counters.stray_responses++;
        return ERR_NOT_FOUND;
    }
    if (m->kind == STUN_ERROR) {
        /* The next sends may still succeed: the client may not have our credentials yet. */
        ice->counters.error_responses++;
        return ERR_DENIED;
    }
    if (stun_check_integrity(m, ice->secrets.remote_pwd) != 0) {
        ice->counters.stray_responses++;
        return ERR_AUTH;
    }
    check->sent = 0;
    ice->counters.answered++;
    int index = authenticated(ice, path);
    push(ice, ICE_ANSWERED, path);
    if (ice->selected == NONE) {
        select_path(ice, index);
    }
    return 0;
}

int ice_receive(struct ice *ice, int64_t now_us, const struct ice_path *path,
                const struct stun_message *message)
{
    begin_input(ice, now_us);
    if (stun_check_fingerprint(message) != 0) {
        ice->counters.bad_fingerprint++;
        return ERR_INVALID;
    }
    switch (message->kind) {
    case STUN_REQUEST:
        return receive_request(ice, path, message);
    case STUN_SUCCESS:
    case STUN_ERROR:
        return receive_response(ice, path, message);
    case STUN_INDICATION:
        ice->counters.indications++;
        return ERR_UNSUPPORTED;
    }
    unreachable();
}

static int find_slot(const struct ice *ice, const struct ice_path *path)
{
    int free_slot = NONE;
    for (int i = 0; i < ICE_CHECKS_MAX; i++) {
        bool busy = ice->checks[i].sent > 0;
        if (busy && ice_path_equal(&ice->checks[i].path, path)) {
            return i;
        }
        if (!busy && free_slot == NONE) {
            free_slot = i;
        }
    }
    return free_slot;
}

int ice_check(struct ice *ice, int64_t now_us, const struct ice_path *path, uint32_t priority)
{
    begin_input(ice, now_us);
    if (ice->secrets.remote_ufrag[0] == '\0' || ice->secrets.remote_pwd[0] == '\0') {
        return ERR_STATE;
    }
    int slot = find_slot(ice, path);
    if (slot == NONE) {
        return ERR_FULL;
    }
    struct check *check = &ice->checks[slot];
    *check = (struct check){
        .path = *path,
        .next_us = now_us + ICE_CHECK_INTERVAL,
        .priority = priority,
        .sent = 1,
    };
    ice->random.fill(ice->random.arg, check->transaction, STUN_TRANSACTION_LEN);
    push_check(ice, slot);
    return 0;
}

static void expire_check(struct ice *ice, int index)
{
    struct check *check = &ice->checks[index];
    if (check->sent == ICE_CHECK_SENDS) {
        check->sent = 0;
        ice->counters.unanswered++;
        push(ice, ICE_UNANSWERED, &check->path);
        return;
    }
    check->sent++;
    check->next_us = ice->now_us + ICE_CHECK_INTERVAL;
    push_check(ice, index);
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* When all paths are lost. */
static int64_t consent_deadline(const struct ice *ice)
{
    return ice->path_count == 0 ? TIME_NEVER : ice->stun_us + ICE_CONSENT;
}

/* When one of them is forgotten. */
static int64_t path_deadline(const struct ice *ice)
{
    int64_t deadline = TIME_NEVER;
    for (int i = 0; i < ice->path_count; i++) {
        deadline = MIN(deadline, ice->paths[i].stun_us + ICE_PATH_CONSENT);
    }
    return deadline;
}

/* If the selected path goes, nothing is sent until the client nominates or uses another one. */
static void expire_paths(struct ice *ice)
{
    for (int i = ice->path_count - 1; i >= 0; i--) { /* the last takes the place of one that goes */
        if (ice->now_us >= ice->paths[i].stun_us + ICE_PATH_CONSENT) {
            remove_at(ice, i);
        }
    }
}

static void expire_consent(struct ice *ice)
{
    static const struct ice_path nowhere;
    while (ice->path_count > 0) {
        remove_at(ice, ice->path_count - 1);
    }
    push(ice, ICE_LOST, &nowhere);
}

void ice_expire(struct ice *ice, int64_t now_us)
{
    begin_input(ice, now_us);
    for (int i = 0; i < ICE_CHECKS_MAX; i++) {
        if (ice->checks[i].sent > 0 && now_us >= ice->checks[i].next_us) {
            expire_check(ice, i);
        }
    }
    if (now_us >= consent_deadline(ice)) {
        expire_consent(ice);
    } else {
        expire_paths(ice);
    }
}

int64_t ice_deadline(const struct ice *ice)
{
    int64_t deadline = MIN(consent_deadline(ice), path_deadline(ice));
    for (int i = 0; i < ICE_CHECKS_MAX; i++) {
        if (ice->checks[i].sent > 0) {
            deadline = MIN(deadline, ice->checks[i].next_us);
        }
    }
    return deadline;
}

int64_t ice_last_stun_us(const struct ice *ice)
{
    return ice->stun_us;
}

int64_t ice_last_media_us(const struct ice *ice)
{
    return ice->media_us;
}

const struct ice_counters *ice_counters(const struct ice *ice)
{
    return &ice->counters;
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void free_secrets(struct secrets *secrets)
{
    free(secrets->local_ufrag);
    free(secrets->local_pwd);
    free(secrets->remote_ufrag);
    free(secrets->remote_pwd);
    free(secrets->previous_ufrag);
    free(secrets->previous_pwd);
}

int ice_set_credentials(struct ice *ice, const struct ice_credentials *c)
{
    const char *const all[] = {c->local_ufrag, c->local_pwd,      c->remote_ufrag,
                               c->remote_pwd,  c->previous_ufrag, c->previous_pwd};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strlen(all[i]) > (i % 2 == 0 ? ICE_UFRAG_MAX : ICE_PWD_MAX)) {
            return ERR_INVALID;
        }
    }
    if (c->local_ufrag[0] == '\0' || c->local_pwd[0] == '\0') {
        return ERR_INVALID;
    }
    struct secrets old = ice->secrets;
    ice->secrets = (struct secrets){
        .local_ufrag = mem_str(c->local_ufrag),
        .local_pwd = mem_str(c->local_pwd),
        .remote_ufrag = mem_str(c->remote_ufrag),
        .remote_pwd = mem_str(c->remote_pwd),
        .previous_ufrag = mem_str(c->previous_ufrag),
        .previous_pwd = mem_str(c->previous_pwd),
    };
    free_secrets(&old);
    return 0;
}

int ice_new(struct ice **out, const struct ice_config *config)
{
    struct ice *ice = mem_alloc(sizeof(*ice));
    int err = ice_set_credentials(ice, &config->credentials);
    if (err != 0) {
        free(ice);
        return err;
    }
    ice->random = config->random;
    ice->random.fill(ice->random.arg, &ice->tie_breaker, sizeof(ice->tie_breaker));
    ice->stun_us = -1;
    ice->media_us = -1;
    ice->selected = NONE;
    *out = ice;
    return 0;
}

void ice_free(struct ice *ice)
{
    free_secrets(&ice->secrets);
    free(ice);
}
