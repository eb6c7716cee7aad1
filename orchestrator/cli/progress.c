/* SPDX-License-Identifier: Apache-2.0
 *
 * A drain as it goes on: on a terminal a bar, elsewhere a line for each change. The drain is the
 * orchestrators' doing; one that does not answer meanwhile is told of once.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "orchestrator/cli/cli.h"

#define POLL_MS   250
#define BAR_WIDTH 24

struct watch {
    const struct cli *cli;
    struct cli_drained *list;
    size_t count;
    json_int_t people_max; /* that were on all of them together */
    bool bar;
    bool silent; /* the last answer was none, which was told */
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool has_bar(const struct cli *cli)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !cli_on(cli->quiet) && term != NULL &&
           strcmp(term, "dumb") != 0;
}

void cli_bar_clear(const struct cli *cli)
{
    if (has_bar(cli)) {
        fputs("\r\x1b[K", stderr);
    }
}

void cli_bar(const struct cli *cli, size_t done, size_t all, const char *format, ...)
{
    int filled = all == 0 ? 0 : (int)(MIN(done, all) * BAR_WIDTH / all);
    va_list args;
    if (!has_bar(cli)) {
        return;
    }
    fprintf(stderr, "\r\x1b[K[%.*s%.*s] ", filled, "########################", BAR_WIDTH - filled,
            "------------------------");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

static void draw_bar(struct watch *watch)
{
    json_int_t people = 0, rooms = 0;
    for (size_t i = 0; i < watch->count; i++) {
        people += MAX(watch->list[i].people, 0);
        rooms += MAX(watch->list[i].rooms, 0);
    }
    watch->people_max = MAX(watch->people_max, people);
    json_int_t gone = watch->people_max - people;
    cli_bar(watch->cli, (size_t)gone, (size_t)watch->people_max,
            "%" JSON_INTEGER_FORMAT " of %s moved, %s left", gone, COUNT_PEOPLE(watch->people_max),
            COUNT_ROOMS(rooms));
}

/* What is left, where it changed. An orchestrator that does not answer may have rooms there. */
static void look(struct watch *watch, struct cli_drained *each)
{
    const char *state = json_string_value(json_object_get(each->node.json, "state"));
    json_int_t rooms = json_integer_value(json_object_get(each->node.json, "rooms"));
    json_int_t people = json_integer_value(json_object_get(each->node.json, "transports"));
    bool whole = json_object_get(each->node.json, "unanswered") == NULL;
    bool gone = state != NULL && strcmp(state, "gone") == 0;
    if (!watch->bar && (rooms != each->rooms || people != each->people)) {
        cli_talk(watch->cli, "%s: %s, %s left", each->node.name, COUNT_ROOMS(rooms),
                 COUNT_PEOPLE(people));
    }
    each->rooms = rooms;
    each->people = people;
    each->over = gone || (whole && rooms == 0);
    if (each->over) {
        cli_bar_clear(watch->cli);
        cli_talk(watch->cli, "%s is empty", each->node.name);
    } else if (state == NULL || strcmp(state, "draining") != 0) {
        cli_bar_clear(watch->cli);
        cli_say("%s is not draining any more", each->node.name);
        each->over = true;
        each->exit_code = CLI_FAILED;
    }
}

static enum cli_exit get(const struct watch *watch, enum cli_hush hush, const char *id,
                         struct cli_node *out)
{
    struct cli hushed = *watch->cli;
    hushed.hush = hush;
    return cli_node_get(&hushed, id, out);
}

/* CLI_OK: there was an answer. One that nobody knows any more is gone, and so are its people. */
static enum cli_exit ask(struct watch *watch, struct cli_drained *each)
{
    struct cli_node now;
    enum cli_exit exit_code = get(watch, CLI_HUSH_ALL, each->node.id, &now);
    if (exit_code != CLI_OK && exit_code != CLI_NOT_FOUND && !watch->silent) {
        cli_bar_clear(watch->cli);
        exit_code = get(watch, CLI_HUSH_NOT_FOUND, each->node.id, &now); /* says what is wrong */
    }
    if (exit_code == CLI_OK) {
        cli_node_free(&each->node);
        each->node = now;
        look(watch, each);
    } else if (exit_code == CLI_NOT_FOUND) {
        each->over = true;
        each->rooms = each->people = 0;
        cli_bar_clear(watch->cli);
        cli_talk(watch->cli, "%s is gone", each->node.name);
        exit_code = CLI_OK;
    }
    watch->silent = exit_code != CLI_OK;
    return exit_code;
}

enum cli_exit cli_drain_watch(const struct cli *cli, struct cli_drained *list, size_t count,
                              int64_t deadline_s)
{
    struct watch watch = {.cli = cli, .list = list, .count = count, .bar = has_bar(cli)};
    double end_s = now_s() + (double)deadline_s;
    for (;;) {
        size_t left = 0;
        enum cli_exit last = CLI_OK;
        for (size_t i = 0; i < count; i++) {
            if (!list[i].over) {
                enum cli_exit exit_code = ask(&watch, &list[i]);
                last = exit_code == CLI_OK ? last : exit_code;
                left += !list[i].over;
            }
        }
        if (left == 0) {
            cli_bar_clear(cli);
            return CLI_OK;
        }
        draw_bar(&watch);
        if (now_s() >= end_s) {
            cli_bar_clear(cli);
            cli_say("not empty within the deadline; the drain goes on, uncordon ends it");
            return last == CLI_OK ? CLI_TIMEOUT : last;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}
