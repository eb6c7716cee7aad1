/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a join costs the owner in CPU time, in a room of 100, with offers of real Chromiums.
 * The owner is the orchestrator's core: tokens, SDP, room, spec and messages; sockets, DTLS and
 * SCTP are not in it (bench_idle has them).
 *
 *   talks     3 of the 100 publish microphone and camera: the shape of a large meeting
 *   everyone  all 100 publish: a join brings 200 tracks, and with them a second, long offer
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"
#include "tests/lib/orch_world.h"

#define PEOPLE     100
#define JOINS      50 /* measured, each leaving again */
#define OFFER_MAX  (1 << 20)
#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

static void join(struct world *world, uint64_t conn, const char *offer_file)
{
    char identity[32];
    snprintf(identity, sizeof(identity), "person-%d", (int)conn);
    world_join(
        world, conn,
        &(struct world_join){.room = "lobby", .identity = identity, .offer_file = offer_file});
}

static void leave(struct world *world, uint64_t conn)
{
    Livekit__LeaveRequest request = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest message = LIVEKIT__SIGNAL_REQUEST__INIT;
    message.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    message.leave = &request;
    world_signal(world, conn, &message);
}

static void fill_room(struct world *world, int people, int publishers)
{
    world_init(world);
    world->cpu_us = bench_thread_cpu_us;
    world_node(world, "ND_a");
    for (int i = 1; i <= people; i++) {
        bool publishes = i <= publishers;
        if (publishes) {
            join(world, (uint64_t)i, NULL);
            world_add_track(world, (uint64_t)i, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
            world_add_track(world, (uint64_t)i, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
            world_offer(world, (uint64_t)i, "chromium-publish.offer", 1);
        } else {
            join(world, (uint64_t)i, "chromium-join.offer");
        }
    }
}

static char *read_join_offer(void)
{
    char *text = mem_alloc(OFFER_MAX);
    FILE *file = fopen(TEST_DATA "/sdp/chromium-join.offer", "rb");
    if (file == NULL || fread(text, 1, OFFER_MAX - 1, file) == 0) {
        bench_fail("the offer can't be read");
    }
    fclose(file);
    return text;
}

/* The m-section that starts at `from` with another mid. */
static void append_section(char *out, const char *from, const char *end, int mid)
{
    const char *line = strstr(from, "a=mid:");
    size_t at = strlen(out);
    if (line == NULL || line > end) {
        bench_fail("a section without a mid");
    }
    const char *rest = strchr(line, '\r');
    snprintf(out + at, OFFER_MAX - at, "%.*sa=mid:%d%.*s", (int)(line - from), from, mid,
             (int)(end - rest), rest);
}

/* The join offer with that many more recvonly sections of each kind, as a client sends it when it
 * is asked for them. */
static char *long_offer(int more)
{
    char *join_offer = read_join_offer();
    char *out = mem_alloc(OFFER_MAX);
    const char *group = strstr(join_offer, "a=group:BUNDLE 0 1 2 3 4 5 6");
    const char *audio = strstr(join_offer, "m=audio");
    const char *audio_end = strstr(audio + 1, "m=audio");
    const char *video = strstr(join_offer, "m=video");
    const char *video_end = strstr(video + 1, "m=video");
    if (group == NULL || audio_end == NULL || video_end == NULL) {
        bench_fail("not the offer this bench knows");
    }
    const char *group_end = strchr(group, '\r');
    memcpy(out, join_offer, (size_t)(group_end - join_offer));
    for (int mid = 7; mid < 7 + 2 * more; mid++) {
        size_t at = strlen(out);
        snprintf(out + at, OFFER_MAX - at, " %d", mid);
    }
    size_t grouped = strlen(out);
    snprintf(out + grouped, OFFER_MAX - grouped, "%s", group_end);
    for (int i = 0; i < more; i++) {
        append_section(out, audio, audio_end, 7 + 2 * i);
        append_section(out, video, video_end, 8 + 2 * i);
    }
    free(join_offer);
    return out;
}

static void measure_talks(void)
{
    struct world world;
    fill_room(&world, PEOPLE - 1, 3);
    world.spent_us = 0;
    int64_t joined_us = 0;
    for (int i = 0; i < JOINS; i++) {
        int64_t before_us = world.spent_us;
        join(&world, 1000 + (uint64_t)i, "chromium-join.offer");
        joined_us += world.spent_us - before_us;
        leave(&world, 1000 + (uint64_t)i);
    }
    printf("talks     join with 99 others, 3 of them publishing: %.2f ms of owner CPU\n",
           (double)joined_us / JOINS / 1000);
    world_fini(&world);
}

static void measure_everyone(void)
{
    struct world world;
    int64_t first_us = 0, second_us = 0;
    char *offer = long_offer(PEOPLE - 1 - 3);
    fill_room(&world, PEOPLE - 1, PEOPLE - 1);
    for (int i = 0; i < JOINS; i++) {
        int64_t before_us = world.spent_us;
        join(&world, 1000 + (uint64_t)i, "chromium-join.offer");
        int64_t joined_us = world.spent_us;
        world_offer_text(&world, 1000 + (uint64_t)i, offer, 2);
        first_us += joined_us - before_us;
        second_us += world.spent_us - joined_us;
        leave(&world, 1000 + (uint64_t)i);
    }
    printf("everyone  join with 99 others, all publishing:       %.2f ms of owner CPU\n"
           "          its second offer, %zu KB with 198 tracks:   %.2f ms\n",
           (double)first_us / JOINS / 1000, strlen(offer) / 1024, (double)second_us / JOINS / 1000);
    free(offer);
    world_fini(&world);
}

int main(void)
{
    bench_print_machine();
    measure_talks();
    measure_everyone();
    return 0;
}
