/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon, uncordon, drain. A drain is the orchestrators' doing, here it is begun and watched: being
 * interrupted or running out of time ends the watching, uncordon ends the drain.
 */
#include <stdlib.h>
#include <time.h>

#include "orchestrator/cli/cli.h"

#define DEADLINE   "60s"
#define POLL_MS    250
#define PATH_BYTES 4096

/* CLI_OK: *out is the node as it is now. */
static enum cli_exit change(const struct cli *cli, const char *id, const char *verb,
                            const json_t *body, json_t **out)
{
    char path[PATH_BYTES];
    cli_path(path, sizeof(path), "nodes", id, verb, NULL);
    return cli_post(cli, path, body, out);
}

static enum cli_exit change_and_say(struct cli *cli, int argc, char **argv, const char *usage,
                                    const char *done)
{
    enum cli_exit exit_code;
    json_t *answer = NULL;
    struct cli_node node;
    if (!cli_parse(cli, argc, argv, usage, NULL, 0, &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 1) {
        return cli_usage(cli, "%s takes one node", cli->command);
    }
    exit_code = cli_node_find(cli, cli->arguments[0], &node);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_t *body = json_object();
    exit_code = change(cli, node.id, cli->command, body, &answer);
    if (exit_code == CLI_OK) {
        cli_talk(cli, "%s %s", node.name, done);
        cli_print_data(cli, answer, NULL);
        exit_code = cli_whole(answer);
    }
    cli_node_free(&node);
    json_decref(body);
    json_decref(answer);
    return exit_code;
}

enum cli_exit cli_cmd_cordon(struct cli *cli, int argc, char **argv)
{
    return change_and_say(cli, argc, argv, "cordon NODE", "gets no new rooms");
}

enum cli_exit cli_cmd_uncordon(struct cli *cli, int argc, char **argv)
{
    return change_and_say(cli, argc, argv, "uncordon NODE", "takes rooms again");
}

/* ---- drain --------------------------------------------------------------------------------- */

struct watch {
    const char *name;
    json_int_t rooms, people; /* as told last; -1: nothing yet */
};

/* What is left, where it changed. An orchestrator that does not answer may have rooms there. */
static enum cli_exit progress(struct watch *watch, const json_t *node, bool *over)
{
    const char *state = json_string_value(json_object_get(node, "state"));
    json_int_t rooms = json_integer_value(json_object_get(node, "rooms"));
    json_int_t people = json_integer_value(json_object_get(node, "transports"));
    bool whole = json_object_get(node, "unanswered") == NULL;
    bool gone = state != NULL && strcmp(state, "gone") == 0;
    if (rooms != watch->rooms || people != watch->people) {
        cli_say("%s: %" JSON_INTEGER_FORMAT " rooms, %" JSON_INTEGER_FORMAT " people left",
                watch->name, rooms, people);
    }
    watch->rooms = rooms;
    watch->people = people;
    *over = gone || (whole && rooms == 0);
    if (!*over && (state == NULL || strcmp(state, "draining") != 0)) {
        cli_say("%s is not draining any more", watch->name);
        *over = true;
        return CLI_FAILED;
    }
    return CLI_OK;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum cli_exit watch_it(const struct cli *cli, const struct cli_node *node,
                              int64_t deadline_s)
{
    struct watch watch = {.name = node->name, .rooms = -1};
    char path[PATH_BYTES];
    double end_s = now_s() + (double)deadline_s;
    cli_path(path, sizeof(path), "nodes", node->id, NULL);
    for (;;) {
        bool over = false;
        json_t *now = NULL;
        enum cli_exit exit_code = cli_get(cli, path, &now);
        if (exit_code == CLI_OK) {
            exit_code = progress(&watch, now, &over);
        }
        json_decref(now);
        if (over) {
            return exit_code;
        }
        if (now_s() >= end_s) {
            cli_say("not empty within the deadline; the drain goes on, uncordon ends it");
            return exit_code == CLI_OK ? CLI_TIMEOUT : exit_code;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}

enum cli_exit cli_cmd_drain(struct cli *cli, int argc, char **argv)
{
    const char *deadline = DEADLINE;
    const char *detach = NULL;
    const char *force = NULL;
    const struct cli_option options[] = {
        {"deadline", "TIME", &deadline, "to wait for until it is empty (" DEADLINE ")"},
        {"detach", NULL, &detach, "begins, and does not wait"},
        {"force", NULL, &force, "also where the other nodes have no place for everybody"},
    };
    enum cli_exit exit_code;
    json_t *answer = NULL;
    if (!cli_parse(cli, argc, argv, "drain NODE", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    int64_t deadline_s = cli_seconds(deadline);
    if (cli->argument_count != 1 || deadline_s < 0) {
        return cli_usage(cli, "drain takes one node, and a --deadline such as 60s");
    }
    struct cli_node node;
    exit_code = cli_node_find(cli, cli->arguments[0], &node);
    if (exit_code != CLI_OK) {
        return exit_code;
    }
    json_t *body = json_pack("{s:b}", "force", cli_on(force));
    exit_code = change(cli, node.id, "drain", body, &answer);
    json_decref(body);
    if (exit_code == CLI_OK && !cli_on(detach)) {
        exit_code = watch_it(cli, &node, deadline_s);
        if (exit_code == CLI_OK) {
            cli_talk(cli, "%s is empty", node.name);
        }
    } else if (exit_code == CLI_OK) {
        cli_print_data(cli, answer, NULL);
        exit_code = cli_whole(answer);
    }
    cli_node_free(&node);
    json_decref(answer);
    return exit_code;
}
