/* SPDX-License-Identifier: Apache-2.0
 *
 * The course of a rollout: as many nodes as may be away drain together, are restarted, come back
 * (as another process of the same name), stay ready for a while; then the next ones. A signal, too,
 * says what is left.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/cli/live.h"
#include "orchestrator/cli/rollout.h"

#define POLL_MS 500

struct course {
    const struct rollout *rollout;
    const struct cli *cli;
    const json_t *due;
    size_t done;  /* of due, from the first on */
    size_t batch; /* of these, from the next on */
    char left[CLI_STOP_BYTES];
};

/* ---- What is left -------------------------------------------------------------------------- */

static const char *name_at(const struct course *course, size_t index)
{
    return cli_text(json_array_get(course->due, index), "name");
}

static void PRINTF_LIKE(3, 4) add(char *out, size_t *len, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int added = vsnprintf(out + *len, CLI_STOP_BYTES - *len, format, args);
    va_end(args);
    *len = MIN(*len + (size_t)added, CLI_STOP_BYTES - 1);
}

/* After each step. */
static void note_left(struct course *course)
{
    const struct rollout *rollout = course->rollout;
    char *out = course->left;
    size_t len = 0;
    add(out, &len, "spillctl: %zu of %zu nodes are done.", course->done,
        json_array_size(course->due));
    for (size_t i = 0; i < course->batch; i++) {
        add(out, &len, "%s%s", i == 0 ? " It leaves " : ", ", name_at(course, course->done + i));
    }
    if (course->batch > 0) {
        add(out, &len, " drained or draining: uncordon takes that back.");
    }
    add(out, &len, " Go on with: spillctl rollout nodes --since %s", rollout->since);
    if (rollout->to[0] != '\0') {
        add(out, &len, " --to %s", rollout->to);
    }
    if (rollout->region != NULL) {
        add(out, &len, " --region %s", rollout->region);
    }
    add(out, &len, "\n");
    cli_stop_say(out);
}

/* ---- One batch ----------------------------------------------------------------------------- */

static void pause_a_bit(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
}

static enum cli_exit begin_drain(const struct course *course, const char *id)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    json_t *body = json_pack("{s:b}", "force", 0);
    cli_path(path, sizeof(path), "nodes", id, "drain", NULL);
    enum cli_exit exit_code = cli_post(course->cli, path, body, &answer);
    json_decref(answer);
    json_decref(body);
    return exit_code;
}

/* All of the batch are drained, or the first failure. */
static enum cli_exit drain(struct course *course, size_t count)
{
    struct cli_drained *list = mem_array(count, sizeof(*list));
    enum cli_exit exit_code = CLI_OK;
    size_t begun = 0;
    for (; begun < count && exit_code == CLI_OK; begun++) {
        json_t *node = json_array_get(course->due, course->done + begun);
        const char *id = cli_text(node, "id");
        exit_code = begin_drain(course, id);
        if (exit_code != CLI_OK) {
            cli_say("%s is not drained", cli_text(node, "name"));
            break;
        }
        list[begun] =
            (struct cli_drained){.node = {json_incref(node), id, cli_text(node, "name"), true},
                                 .rooms = -1,
                                 .people = -1};
        course->batch = begun + 1;
        note_left(course);
    }
    if (exit_code == CLI_OK) {
        exit_code = cli_drain_watch(course->cli, list, count, course->rollout->deadline_s);
    }
    for (size_t i = 0; i < begun; i++) {
        exit_code = exit_code == CLI_OK ? list[i].exit_code : exit_code;
        cli_node_free(&list[i].node);
    }
    free(list);
    return exit_code;
}

/* What the command says goes to stderr, as what we say. */
static enum cli_exit restart(const struct course *course, const json_t *node)
{
    const char *command = course->rollout->exec;
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    if (command == NULL) {
        cli_talk(course->cli, "%s is empty: restart it", cli_text(node, "name"));
        return CLI_OK;
    }
    setenv("SPILLWAY_NODE", cli_text(node, "name"), 1);
    setenv("SPILLWAY_NODE_ID", cli_text(node, "id"), 1);
    setenv("SPILLWAY_NODE_REGION", cli_text(node, "region"), 1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    fflush(stdout);
    int err = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    while (err == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (err != 0 || status != 0) {
        cli_say("the command for %s failed; the node stays empty", cli_text(node, "name"));
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* The living node of that name. */
static const json_t *find_named(const json_t *nodes, const char *name)
{
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        if (strcmp(cli_text(node, "name"), name) == 0 &&
            strcmp(cli_text(node, "state"), "gone") != 0) {
            return node;
        }
    }
    return NULL;
}

/* Another process that may take people; it may be cordoned if somebody wants that. */
static bool is_back(const json_t *before, const json_t *now)
{
    const char *state = cli_text(now, "state");
    return now != NULL && strcmp(cli_text(now, "id"), cli_text(before, "id")) != 0 &&
           (strcmp(state, "ready") == 0 || strcmp(state, "cordoned") == 0) &&
           !json_is_true(json_object_get(now, "suspect"));
}

static enum cli_exit check_version(const struct course *course, const json_t *now)
{
    const char *to = course->rollout->to;
    if (to[0] != '\0' && strcmp(cli_text(now, "version"), to) != 0) {
        cli_say("%s came back as version %s, not %s", cli_text(now, "name"),
                cli_text(now, "version"), to);
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* How many of the batch are back. */
static size_t count_back(const struct course *course, const json_t *nodes, size_t count,
                         enum cli_exit *exit_code)
{
    size_t back = 0;
    for (size_t i = 0; i < count && *exit_code == CLI_OK; i++) {
        const json_t *before = json_array_get(course->due, course->done + i);
        const json_t *now = find_named(nodes, cli_text(before, "name"));
        if (is_back(before, now)) {
            back++;
            *exit_code = check_version(course, now);
        }
    }
    return back;
}

static void draw_wait(const struct course *course, size_t back, size_t count)
{
    cli_bar(course->cli, course->done + back, json_array_size(course->due),
            "%zu of %zu nodes done, waiting for %zu from %s on", course->done + back,
            json_array_size(course->due), count - back, name_at(course, course->done));
}

/* Until all of the batch are back, and have been for a while. An orchestrator that does not answer
 * meanwhile is asked again. */
static enum cli_exit wait_back(const struct course *course, size_t count)
{
    const struct rollout *rollout = course->rollout;
    struct cli hushed = *course->cli;
    int64_t end_ms = cli_live_now_ms() + 1000 * rollout->deadline_s;
    int64_t settled_ms = 0; /* 0: not all are back */
    enum cli_exit exit_code = CLI_OK;
    hushed.hush = CLI_HUSH_ALL;
    for (;;) {
        json_t *answer = NULL;
        enum cli_exit asked = cli_get(&hushed, "nodes", &answer);
        size_t back = count_back(course, json_object_get(answer, "nodes"), count, &exit_code);
        json_decref(answer);
        if (asked == CLI_OK && back < count) {
            settled_ms = 0;
        } else if (asked == CLI_OK && settled_ms == 0) {
            settled_ms = cli_live_now_ms() + 1000 * rollout->settle_s;
        }
        if (exit_code != CLI_OK || (back == count && cli_live_now_ms() >= settled_ms)) {
            break;
        }
        if (cli_live_now_ms() >= end_ms && settled_ms == 0) {
            exit_code = CLI_TIMEOUT;
            break;
        }
        draw_wait(course, back, count);
        pause_a_bit();
    }
    cli_bar_clear(course->cli);
    if (exit_code == CLI_TIMEOUT) {
        cli_say("%s%s is not back, ready and by the same name, within the deadline",
                name_at(course, course->done), count > 1 ? ", or one behind it," : "");
    }
    return exit_code;
}

/* Who kept it from new rooms before wants that of it still. */
static enum cli_exit cordon_again(const struct course *course, const json_t *node)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL, *body = json_object();
    enum cli_exit exit_code = CLI_OK;
    if (strcmp(cli_text(node, "state"), "cordoned") == 0) {
        cli_path(path, sizeof(path), "nodes", cli_text(node, "name"), "cordon", NULL);
        exit_code = cli_post(course->cli, path, body, &answer);
    }
    json_decref(answer);
    json_decref(body);
    return exit_code;
}

static enum cli_exit roll_batch(struct course *course, size_t count)
{
    enum cli_exit exit_code = drain(course, count);
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        exit_code = restart(course, json_array_get(course->due, course->done + i));
    }
    if (exit_code == CLI_OK) {
        exit_code = wait_back(course, count);
    }
    for (size_t i = 0; i < count && exit_code == CLI_OK; i++) {
        const json_t *node = json_array_get(course->due, course->done + i);
        exit_code = cordon_again(course, node);
        cli_talk(course->cli, "%s is back (%zu of %zu)", cli_text(node, "name"),
                 course->done + i + 1, json_array_size(course->due));
    }
    return exit_code;
}

/* ---- All of them --------------------------------------------------------------------------- */

/* A version that does not last must not go on to the next nodes. */
static enum cli_exit check_done(const struct course *course)
{
    json_t *answer = NULL;
    enum cli_exit exit_code = cli_get(course->cli, "nodes", &answer);
    for (size_t i = 0; i < course->done && exit_code == CLI_OK; i++) {
        const json_t *before = json_array_get(course->due, i);
        const json_t *now = find_named(json_object_get(answer, "nodes"), cli_text(before, "name"));
        if (!is_back(before, now)) {
            cli_say("%s was back, and is not ready any more", cli_text(before, "name"));
            exit_code = CLI_FAILED;
        }
    }
    json_decref(answer);
    return exit_code;
}

enum cli_exit cli_rollout_run(const struct rollout *rollout, const json_t *due)
{
    struct course course = {.rollout = rollout, .cli = rollout->cli, .due = due};
    size_t all = json_array_size(due);
    enum cli_exit exit_code = CLI_OK;
    note_left(&course);
    while (course.done < all && exit_code == CLI_OK) {
        size_t count = MIN(rollout->at_once, all - course.done);
        exit_code = check_done(&course);
        if (exit_code == CLI_OK) {
            exit_code = roll_batch(&course, count);
        }
        if (exit_code == CLI_OK) {
            course.done += count;
            course.batch = 0;
            note_left(&course);
        }
    }
    if (exit_code != CLI_OK) {
        fputs(course.left, stderr);
    }
    return exit_code;
}
