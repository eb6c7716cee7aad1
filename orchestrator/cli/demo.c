/* SPDX-License-Identifier: Apache-2.0
 *
 * demo: what happens to people when a node of deploy/up's cluster is killed, as orchestrators tell
 * it. Only a process that the cluster's file names, on this machine, is killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/live.h"

#define POLL_MS    100
#define WAIT_MS    30000
#define PATH_BYTES 4096
#define TEXT_BYTES 128
#define PROGRAM    "spillway-node"

struct demo {
    const struct cli *cli;
    struct cli_node node; /* as it was */
    pid_t pid;
    char killed_at[RFC3339_MAX]; /* RFC 3339, as events have it */
    int64_t killed_ms;           /* since 1970 */
    json_t *told;                /* events so far */
    bool dead;
};

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- Which one ----------------------------------------------------------------------------- */

/* The process of that node, or 0. */
static pid_t pid_of(const json_t *rows, const char *name)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(cli_text(row, "role"), "node") == 0 &&
            strcmp(cli_text(row, "name"), name) == 0) {
            return (pid_t)number_of(row, "pid");
        }
    }
    return 0;
}

/* Numbers of processes are given again: whatever has this one now must be a media node. */
static bool is_node(pid_t pid)
{
    char path[64], text[TEXT_BYTES] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    bool found = file != NULL && fgets(text, sizeof(text), file) != NULL &&
                 strncmp(text, PROGRAM, strlen(PROGRAM)) == 0;
    if (file != NULL) {
        fclose(file);
    }
    return pid > 0 && found;
}

/* The one with most people. */
static const char *fullest(const json_t *nodes)
{
    size_t i;
    const json_t *node, *best = NULL;
    json_array_foreach(nodes, i, node)
    {
        bool alive = strcmp(cli_text(node, "state"), "gone") != 0;
        if (alive &&
            (best == NULL || number_of(node, "transports") > number_of(best, "transports"))) {
            best = node;
        }
    }
    return cli_text(best, "id");
}

static enum cli_exit choose(struct demo *demo, const char *name)
{
    json_t *nodes = NULL;
    if (name != NULL) {
        return cli_node_find(demo->cli, name, &demo->node);
    }
    enum cli_exit exit_code = cli_get(demo->cli, "nodes", &nodes);
    if (exit_code == CLI_OK) {
        exit_code = cli_node_find(demo->cli, fullest(json_object_get(nodes, "nodes")), &demo->node);
    }
    json_decref(nodes);
    return exit_code;
}

static enum cli_exit find_process(struct demo *demo)
{
    json_t *rows = cli_cluster_rows(demo->cli);
    if (rows == NULL) {
        return CLI_USAGE;
    }
    demo->pid = pid_of(rows, demo->node.name);
    json_decref(rows);
    if (!is_node(demo->pid)) {
        cli_say("the cluster's file names no running process of %s on this machine",
                demo->node.name);
        return CLI_NOT_FOUND;
    }
    return CLI_OK;
}

/* ---- What happens -------------------------------------------------------------------------- */

static enum cli_exit kill_it(struct demo *demo)
{
    demo->killed_ms = cli_time_ms();
    rfc3339_ms(demo->killed_at, demo->killed_ms);
    if (kill(demo->pid, SIGKILL) != 0) {
        cli_say("%s: %s", demo->node.name, strerror(errno));
        return errno == EPERM ? CLI_REFUSED : CLI_FAILED;
    }
    cli_talk(demo->cli, "killed %s", demo->node.name);
    return CLI_OK;
}

static void print_event(struct demo *demo, const json_t *event)
{
    char text[TEXT_BYTES];
    json_t *line = json_copy((json_t *)(uintptr_t)event);
    int64_t at_ms;
    if (rfc3339_parse(&at_ms, cli_text(event, "time")) != 0) {
        at_ms = demo->killed_ms; /* no event of ours */
    }
    int64_t after_ms = at_ms - demo->killed_ms;
    json_object_set_new(line, "after_ms", json_integer(after_ms));
    json_array_append(demo->told, line);
    if (demo->cli->format == CLI_TABLE || demo->cli->format == CLI_WIDE) {
        json_t *one = json_pack("[O]", event);
        snprintf(text, sizeof(text), "%+.3f s", (double)after_ms / 1000);
        printf("%-10s  ", text);
        cli_events_print(one);
        fflush(stdout);
        json_decref(one);
    }
    json_decref(line);
}

static bool was_told(const struct demo *demo, const json_t *event)
{
    size_t i;
    const json_t *old;
    json_array_foreach(demo->told, i, old)
    {
        if (strcmp(cli_text(old, "cursor"), cli_text(event, "cursor")) == 0) {
            return true;
        }
    }
    return false;
}

/* What is new of the node since it was killed. */
static enum cli_exit tell(struct demo *demo)
{
    json_t *events = NULL;
    size_t i;
    const json_t *event;
    enum cli_exit exit_code = cli_events_about(demo->cli, demo->node.id, NULL, &events);
    json_array_foreach(events, i, event)
    {
        if (strcmp(cli_text(event, "time"), demo->killed_at) >= 0 && !was_told(demo, event)) {
            print_event(demo, event);
            demo->dead |= strcmp(cli_text(event, "event"), "node_dead") == 0;
        }
    }
    json_decref(events);
    return exit_code;
}

/* Nobody's room is there any more. */
static bool is_healed(const struct demo *demo)
{
    struct cli hushed = *demo->cli;
    struct cli_node now;
    hushed.hush = CLI_HUSH_ALL;
    if (!demo->dead || cli_node_get(&hushed, demo->node.id, &now) != CLI_OK) {
        return false;
    }
    bool healed =
        number_of(now.json, "rooms") == 0 && json_object_get(now.json, "unanswered") == NULL;
    cli_node_free(&now);
    return healed;
}

static enum cli_exit watch(struct demo *demo)
{
    enum cli_exit exit_code = CLI_OK;
    bool healed = false;
    while (exit_code == CLI_OK && !healed && cli_time_ms() < demo->killed_ms + WAIT_MS) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        healed = is_healed(demo); /* before the events that led to it */
        exit_code = tell(demo);
    }
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    if (!healed) {
        cli_say("rooms are still on %s after %d s", demo->node.name, WAIT_MS / 1000);
        return CLI_TIMEOUT;
    }
    cli_talk(demo->cli, "at other nodes now: %s of %s",
             COUNT_PEOPLE(number_of(demo->node.json, "transports")),
             COUNT_ROOMS(number_of(demo->node.json, "rooms")));
    return CLI_OK;
}

static enum cli_exit kill_node(struct demo *demo, const char *name, const char *yes)
{
    enum cli_exit exit_code = choose(demo, name);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    exit_code = find_process(demo);
    if (exit_code == CLI_OK) {
        exit_code = cli_confirm(demo->cli, yes, "kills %s, which has %s in %s", demo->node.name,
                                COUNT_PEOPLE(number_of(demo->node.json, "transports")),
                                COUNT_ROOMS(number_of(demo->node.json, "rooms")));
    }
    exit_code = exit_code == CLI_OK ? kill_it(demo) : exit_code;
    if (exit_code == CLI_OK) {
        demo->told = json_array();
        exit_code = watch(demo);
        json_t *answer =
            json_pack("{s:s, s:o}", "killed_at", demo->killed_at, "events", demo->told);
        if (!cli_print_data(demo->cli, answer, "events") && demo->cli->format == CLI_NAME) {
            puts(demo->node.name);
        }
        json_decref(answer);
    }
    cli_node_free(&demo->node);
    return exit_code;
}

enum cli_exit cli_cmd_demo(struct cli *cli, int argc, char **argv)
{
    struct demo demo = {.cli = cli};
    const char *yes = NULL;
    const struct cli_option options[] = {CLI_YES(&yes)};
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "demo kill-node [NODE]", options, ARRAY_LEN(options),
                   &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count < 1 || cli->argument_count > 2 ||
        strcmp(cli->arguments[0], "kill-node") != 0) {
        return cli_usage(cli, "demo takes kill-node, and may name the node");
    }
    return kill_node(&demo, cli->argument_count == 2 ? cli->arguments[1] : NULL, yes);
}
