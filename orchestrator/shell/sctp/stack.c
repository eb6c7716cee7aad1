/* SPDX-License-Identifier: Apache-2.0
 *
 * usrsctp's globals, and ours that tame them.
 *
 * Happy path: usrsctp calls back with the handle of an association, which is a number looked up in
 * a table and not a pointer: whatever it still sends for one that was freed finds nobody.
 * Failure: it calls for an unknown handle (dropped); a stack is freed while usrsctp still holds on
 * to something (it stays initialised, and the next stack uses it as it is).
 *
 * usrsctp starts one thread even when asked for none. It walks associations when addresses change,
 * which they do not here, so it sleeps for ever.
 */
#include "orchestrator/shell/sctp/internal.h"

#include <stdlib.h>

#define UNKNOWN_TIME (-1)

static struct {
    bool initialised;
    unsigned stacks;
    int64_t now_us; /* what usrsctp's timers have been told */
    uintptr_t last_handle;
    struct orch_sctp *associations; /* uthash, by handle */
} library = {.now_us = UNKNOWN_TIME};

struct orch_sctp *library_find(void *handle)
{
    uintptr_t key = (uintptr_t)handle;
    struct orch_sctp *sctp;
    HASH_FIND(by_handle, library.associations, &key, sizeof(key), sctp);
    return sctp;
}

/* ---- Callbacks of usrsctp ---------------------------------------------------------------------
 */

static int on_packet(void *handle, void *bytes, size_t len, uint8_t tos, uint8_t set_df)
{
    (void)tos;
    (void)set_df;
    struct orch_sctp *sctp = library_find(handle);
    if (sctp == NULL || sctp->failed)
        return 0;
    if (!datagrams_push(&sctp->packets, (struct bytes){bytes, len}))
        sctp->stack->stats.packets_dropped++;
    stack_mark_ready(sctp);
    return 0;
}

/* ---- The library ------------------------------------------------------------------------------
 */

/* All associations are alike, so what can be set for the process is set here. */
static void configure(void)
{
    static const struct {
        int (*set)(uint32_t value);
        uint32_t value;
    } settings[] = {
        {usrsctp_sysctl_set_sctp_blackhole, 2}, /* no ABORT to a packet of an unknown association */
        {usrsctp_sysctl_set_sctp_ecn_enable, 0},
        {usrsctp_sysctl_set_sctp_asconf_enable, 0},
        {usrsctp_sysctl_set_sctp_auth_enable, 0},
        {usrsctp_sysctl_set_sctp_nrsack_enable, 0},
        {usrsctp_sysctl_set_sctp_pktdrop_enable, 0},
        {usrsctp_sysctl_set_sctp_nr_outgoing_streams_default, ORCH_SCTP_STREAMS},
        {usrsctp_sysctl_set_sctp_nr_incoming_streams_default, ORCH_SCTP_STREAMS},
        {usrsctp_sysctl_set_sctp_sendspace, ORCH_SCTP_BUFFERED_MAX + ORCH_SCTP_MESSAGE_MAX},
        {usrsctp_sysctl_set_sctp_recvspace, (uint32_t)512 << 10},
        {usrsctp_sysctl_set_sctp_max_chunks_on_queue, 2 * ORCH_SCTP_QUEUED_MAX},
        /* ms. RFC 9260 §16 is written for any network; here an ICE check just passed, and a client
         * that comes back after a gap should not wait for a backed-off timer. */
        {usrsctp_sysctl_set_sctp_rto_initial_default, 500},
        {usrsctp_sysctl_set_sctp_rto_min_default, 200},
        {usrsctp_sysctl_set_sctp_rto_max_default, 2000},
        {usrsctp_sysctl_set_sctp_init_rto_max_default, 2000},
        {usrsctp_sysctl_set_sctp_delayed_sack_time_default, 20},
        {usrsctp_sysctl_set_sctp_heartbeat_interval_default, 30000},
        /* A client may be away for a minute and resume; who has left is for the owner to say. So
         * about four minutes of silence at the longest RTO. */
        {usrsctp_sysctl_set_sctp_assoc_rtx_max_default, 120},
        {usrsctp_sysctl_set_sctp_path_rtx_max_default, 120},
        {usrsctp_sysctl_set_sctp_init_rtx_max_default, 30},
        {usrsctp_sysctl_set_sctp_max_retran_chunk, 0}, /* no further limit for a single chunk */
        {usrsctp_sysctl_set_sctp_initial_cwnd, 10},
        {usrsctp_sysctl_set_sctp_max_burst_default, 10}, /* < DATAGRAMS_MAX */
    };
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        int result = settings[i].set(settings[i].value);
        assert(result == 0);
    }
}

static void library_open(void)
{
    if (library.stacks++ > 0 || library.initialised)
        return;
    usrsctp_init_nothreads(0, on_packet, NULL);
    configure();
    library.initialised = true;
    library.now_us = UNKNOWN_TIME;
}

static void library_close(void)
{
    assert(library.stacks > 0);
    if (--library.stacks == 0 && usrsctp_finish() == 0)
        library.initialised = false;
}

void library_advance(int64_t now_us)
{
    if (library.now_us == UNKNOWN_TIME)
        library.now_us = now_us;
    int64_t elapsed_us = now_us - library.now_us;
    if (elapsed_us < ORCH_SCTP_TICK_US)
        return;
    int64_t elapsed_ms = MIN(elapsed_us / 1000, (int64_t)UINT32_MAX);
    library.now_us += elapsed_ms * 1000;
    usrsctp_handle_timers((uint32_t)elapsed_ms);
}

void library_add(struct orch_sctp *sctp)
{
    sctp->handle = ++library.last_handle;
    HASH_ADD(by_handle, library.associations, handle, sizeof(sctp->handle), sctp);
    sctp->stack->stats.associations++;
}

void library_remove(struct orch_sctp *sctp)
{
    HASH_DELETE(by_handle, library.associations, sctp);
    sctp->stack->stats.associations--;
}

/* ---- Stack ------------------------------------------------------------------------------------
 */

void orch_sctp_stack_new(struct orch_sctp_stack **out)
{
    struct orch_sctp_stack *stack = mem_alloc(sizeof(*stack));
    stack->ready_end = &stack->ready_first;
    library_open();
    *out = stack;
}

void orch_sctp_stack_free(struct orch_sctp_stack *stack)
{
    assert(stack->stats.associations == 0);
    library_close();
    free(stack);
}

void orch_sctp_stack_expire(struct orch_sctp_stack *stack, int64_t now_us)
{
    (void)stack; /* the timers are everybody's */
    library_advance(now_us);
}

int64_t orch_sctp_stack_deadline(const struct orch_sctp_stack *stack)
{
    if (stack->stats.associations == 0 || library.now_us == UNKNOWN_TIME)
        return TIME_NEVER;
    return library.now_us + ORCH_SCTP_TICK_US;
}

const struct orch_sctp_stats *orch_sctp_stack_stats(const struct orch_sctp_stack *stack)
{
    return &stack->stats;
}

void stack_mark_ready(struct orch_sctp *sctp)
{
    if (sctp->ready)
        return;
    sctp->ready = true;
    sctp->ready_next = NULL;
    *sctp->stack->ready_end = sctp;
    sctp->stack->ready_end = &sctp->ready_next;
}

bool orch_sctp_stack_ready(struct orch_sctp_stack *stack, uint64_t *id)
{
    struct orch_sctp *sctp = stack->ready_first;
    if (sctp == NULL)
        return false;
    stack->ready_first = sctp->ready_next;
    if (stack->ready_first == NULL)
        stack->ready_end = &stack->ready_first;
    sctp->ready = false;
    *id = sctp->id;
    return true;
}
