/* SPDX-License-Identifier: Apache-2.0
 *
 * events: what happened in the cluster, and with --watch what happens. Any orchestrator tells
 * everybody's and any cursor holds at each (docs/protocols/admin-api.md), so a watch goes on at the
 * next orchestrator when the one that it asks dies. What is lost is told on stderr.
 */
#include <stdlib.h>

#include "common/rfc3339/rfc3339.h"
#include "orchestrator/cli/live.h"

#define WAIT_S       20L
#define TRY_AGAIN_MS 1000
#define ROW          "%-24s  %-16s  %-16s  %s\n"
#define CURSOR_BYTES 1024
#define TEXT_BYTES   1024
#define PATH_BYTES   4096

struct wanted {
    char since[RFC3339_MAX];   /* RFC 3339, with which times compare as texts; "" all */
    const char *node, *room;   /* as typed; NULL any */
    char *node_id, *node_name; /* what is known of it; owned, may be NULL */
    char *room_sid;            /* owned */
    char cursor[CURSOR_BYTES];
    bool headed; /* the first line was printed */
};

/* ---- Which of them ------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *names, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found |= names[i] != NULL && strcmp(text, names[i]) == 0;
    }
    return found;
}

/* Nodes are told with id and name, where people move from and to with the id. */
static bool is_about_node(const struct wanted *wanted, const json_t *fields)
{
    static const char *const keys[] = {"node", "name", "from", "to"};
    const char *const names[] = {wanted->node, wanted->node_id, wanted->node_name};
    bool about = false;
    bool of_node = json_object_get(fields, "node") != NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        bool counts = of_node || strcmp(keys[i], "name") != 0; /* orchestrators have names, too */
        about |= counts && is_one_of(cli_text(fields, keys[i]), names, ARRAY_LEN(names));
    }
    return about;
}

static bool is_wanted(const struct wanted *wanted, const json_t *event)
{
    const json_t *fields = json_object_get(event, "fields");
    const char *const rooms[] = {wanted->room, wanted->room_sid};
    return strcmp(cli_text(event, "time"), wanted->since) >= 0 &&
           (wanted->node == NULL || is_about_node(wanted, fields)) &&
           (wanted->room == NULL || is_one_of(cli_text(fields, "room"), rooms, ARRAY_LEN(rooms)));
}

/* Events have a room's sid, and a node's name only where it is about the node alone: what is typed
 * may be the other one. Of what has ended nobody knows it. */
static void look_up(const struct cli *cli, struct wanted *wanted)
{
    struct cli hushed = *cli;
    char path[PATH_BYTES];
    json_t *node = NULL, *room = NULL;
    hushed.hush = CLI_HUSH_ALL;
    if (wanted->node != NULL) {
        cli_path(path, sizeof(path), "nodes", wanted->node, NULL);
        if (cli_get(&hushed, path, &node) == CLI_OK) {
            wanted->node_id = mem_str(cli_text(node, "id"));
            wanted->node_name = mem_str(cli_text(node, "name"));
        }
    }
    if (wanted->room != NULL) {
        cli_path(path, sizeof(path), "rooms", wanted->room, NULL);
        if (cli_get(&hushed, path, &room) == CLI_OK) {
            wanted->room_sid = mem_str(cli_text(room, "sid"));
        }
    }
    json_decref(node);
    json_decref(room);
}

static void forget(struct wanted *wanted)
{
    free(wanted->node_id);
    free(wanted->node_name);
    free(wanted->room_sid);
}

/* ---- Output -------------------------------------------------------------------------------- */

static void print_row(const json_t *event)
{
    char text[TEXT_BYTES] = "", cells[4][TEXT_BYTES];
    const char *const cell[] = {cli_text(event, "time"), cli_text(event, "orchestrator"),
                                cli_text(event, "event"), text};
    const char *key;
    const json_t *value;
    json_object_foreach(json_object_get(event, "fields"), key, value)
    {
        const char *word = json_string_value(value);
        const char *quote = word != NULL && strchr(word, ' ') != NULL ? "\"" : "";
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s%s=%s%s%s", len == 0 ? "" : " ", key, quote,
                 word == NULL ? "" : word, quote);
    }
    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        cli_harmless(cells[i], sizeof(cells[i]), cell[i]);
    }
    printf(ROW, cells[0], cells[1], cells[2], cells[3]);
}

void cli_events_print(const json_t *events)
{
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        print_row(event);
    }
}

static void print_rows(const struct cli *cli, struct wanted *wanted, const json_t *rows)
{
    if (!wanted->headed && !cli_on(cli->no_headers)) {
        printf(ROW, "TIME", "ORCHESTRATOR", "EVENT", "FIELDS");
    }
    wanted->headed = true;
    cli_events_print(rows);
}

static void tell_missed(const json_t *answer)
{
    size_t i;
    const json_t *missed;
    json_array_foreach(json_object_get(answer, "missed"), i, missed)
    {
        const json_t *count = json_object_get(missed, "events");
        const char *id = cli_text(missed, "orchestrator_id");
        if (json_is_integer(count)) {
            json_int_t events = json_integer_value(count);
            cli_say("%s of %s %s lost: not kept any more", COUNT_OF(events, "event", "events"), id,
                    events == 1 ? "is" : "are");
        } else {
            cli_say("%s is not known here (any more): what it wrote since is lost", id);
        }
    }
}

static void show(const struct cli *cli, struct wanted *wanted, const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "events");
    tell_missed(answer);
    if (cli->format == CLI_NAME) {
        cli_names(rows, "event");
    } else if (!cli_print_data(cli, answer, "events")) {
        print_rows(cli, wanted, rows);
    }
}

/* ---- Watching ------------------------------------------------------------------------------ */

/* Leaves in it what is wanted, and moves the cursor behind all of it. */
static enum cli_exit sift(struct wanted *wanted, json_t *answer)
{
    json_t *rows = json_array();
    size_t i;
    json_t *event;
    const char *cursor = cli_text(answer, "cursor");
    if (!json_is_array(json_object_get(answer, "events")) || strlen(cursor) >= CURSOR_BYTES) {
        cli_say("this is no answer of an orchestrator");
        json_decref(rows);
        return CLI_FAILED;
    }
    snprintf(wanted->cursor, sizeof(wanted->cursor), "%s", cursor);
    json_array_foreach(json_object_get(answer, "events"), i, event)
    {
        if (is_wanted(wanted, event)) {
            json_array_append(rows, event);
        }
    }
    json_object_set_new(answer, "events", rows);
    return CLI_OK;
}

/* live NULL: of cli, now. */
static enum cli_exit ask(const struct cli *cli, struct cli_live *live, struct wanted *wanted,
                         long wait_s, json_t **out)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "events?after=%s&wait_s=%ld", wanted->cursor, wait_s);
    enum cli_exit exit_code = live == NULL ? cli_get(cli, path, out)
                                           : cli_live_get(live, path, wait_s + cli->timeout_s, out);
    return exit_code == CLI_OK ? sift(wanted, *out) : exit_code;
}

/* What there is now, in as many answers as it takes, as one. */
static enum cli_exit ask_for_all(const struct cli *cli, struct cli_live *live,
                                 struct wanted *wanted, json_t **out)
{
    json_t *events = json_array(), *missed = json_array();
    enum cli_exit exit_code;
    bool more = false;
    do {
        json_t *answer = NULL;
        exit_code = ask(cli, live, wanted, 0, &answer);
        json_array_extend(events, json_object_get(answer, "events"));
        json_array_extend(missed, json_object_get(answer, "missed"));
        more = json_is_true(json_object_get(answer, "more"));
        json_decref(answer);
    } while (exit_code == CLI_OK && more);
    if (live != NULL && live->lost && live->begun) {
        cli_say("no orchestrator answers any more");
    }
    *out =
        json_pack("{s:o, s:s, s:o}", "events", events, "cursor", wanted->cursor, "missed", missed);
    return exit_code;
}

/* Comes back only with a failure. */
static enum cli_exit watch(struct cli_live *live, struct wanted *wanted)
{
    enum cli_exit exit_code = CLI_OK;
    while (exit_code == CLI_OK) {
        json_t *answer = NULL;
        bool lost = live->lost;
        exit_code = ask(live->cli, live, wanted, WAIT_S, &answer);
        if (live->lost) {
            if (!lost) {
                cli_say("no orchestrator answers: trying on");
            }
            (void)cli_live_pause(TRY_AGAIN_MS);
            exit_code = CLI_OK;
        } else if (exit_code == CLI_OK) {
            if (live->changed) {
                cli_say("goes on at %s", cli_live_server(live));
            }
            show(live->cli, wanted, answer);
        }
        json_decref(answer);
    }
    return exit_code;
}

static enum cli_exit run(const struct cli *cli, struct wanted *wanted, bool watches)
{
    struct cli_live live;
    json_t *answer = NULL;
    if (!cli_live_begin(&live, cli, false)) {
        return CLI_USAGE;
    }
    enum cli_exit exit_code = ask_for_all(cli, &live, wanted, &answer);
    if (exit_code == CLI_OK) {
        show(cli, wanted, answer);
    }
    json_decref(answer);
    if (watches && exit_code == CLI_OK) {
        exit_code = watch(&live, wanted);
    }
    cli_live_end(&live);
    return exit_code;
}

/* ---- The command --------------------------------------------------------------------------- */

/* False: it makes no sense. */
static bool read_since(struct wanted *wanted, const char *text)
{
    int64_t ago_s = text == NULL ? 0 : cli_seconds(text);
    if (text != NULL) {
        rfc3339_ms(wanted->since, cli_time_ms() - 1000 * MAX(ago_s, 0));
    }
    return ago_s >= 0;
}

/* Letters and what is between the numbers: admin-api.md. */
static bool read_cursor(struct wanted *wanted, const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~");
    snprintf(wanted->cursor, sizeof(wanted->cursor), "%s", text);
    return text[len] == '\0' && len < CURSOR_BYTES;
}

enum cli_exit cli_cmd_events(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = {.node = NULL};
    const char *since = NULL, *after = "", *watches = NULL;
    const struct cli_option options[] = {
        {"since", "TIME", &since, "not what is longer ago than this, such as 10m"},
        {"node", "NODE", &wanted.node, "what happened to this node: id or name"},
        {"room", "ROOM", &wanted.room,
         "what happened to this room: name, or sid once it has ended"},
        {"after", "CURSOR", &after, "what is behind this \"cursor\" of an event"},
        {"watch", NULL, &watches,
         "-w: goes on with what happens, until Ctrl-C; at another orchestrator if this one dies, "
         "where an event may be told twice"},
    };
    enum cli_exit exit_code;
    cli_live_arguments(argc, argv);
    if (!cli_parse(cli, argc, argv, "events", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count > 0 || !read_since(&wanted, since)) {
        return cli_usage(cli, "events takes options alone, and --since a time such as 10m");
    }
    if (!read_cursor(&wanted, after)) {
        return cli_usage(cli, "--after takes the \"cursor\" of an event");
    }
    if (cli_on(watches) && (cli->format == CLI_JSON || cli->format == CLI_YAML)) {
        return cli_usage(cli, CLI_ENDLESS);
    }
    look_up(cli, &wanted);
    exit_code = run(cli, &wanted, cli_on(watches));
    forget(&wanted);
    return exit_code;
}

enum cli_exit cli_events_about(const struct cli *cli, const char *node, const char *room,
                               json_t **out)
{
    struct wanted wanted = {.node = node, .room = room};
    json_t *answer = NULL;
    look_up(cli, &wanted);
    enum cli_exit exit_code = ask_for_all(cli, NULL, &wanted, &answer);
    if (exit_code == CLI_OK) {
        *out = json_incref(json_object_get(answer, "events"));
    }
    json_decref(answer);
    forget(&wanted);
    return exit_code;
}
