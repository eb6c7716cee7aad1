/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of spillctl share. Data goes to stdout, everything else to stderr; the exit code
 * says how it went.
 */
#ifndef ORCHESTRATOR_CLI_CLI_H
#define ORCHESTRATOR_CLI_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "common/base/base.h"
#include "orchestrator/cli/count.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_REFUSED = 4, /* not permitted, or against the state of things */
    CLI_TIMEOUT = 5, /* not in time, or not all of it */
    CLI_UNREACHABLE = 6,
    CLI_EXIT_COUNT
};

enum cli_format { CLI_TABLE, CLI_WIDE, CLI_JSON, CLI_JSONL, CLI_NAME, CLI_YAML };
#define CLI_FORMATS      "table, wide, json, jsonl, name or yaml"
#define CLI_FORMAT_NAMES "table", "wide", "json", "jsonl", "name", "yaml" /* in their order */

struct cli;

/* ---- main.c: what may be typed ---- */
struct cli_command {
    const char *name;
    enum cli_exit (*run)(struct cli *cli, int argc, char **argv);
    const char *summary; /* what it does, for lists of commands; NULL: it is for programs */
};
/* The table of commands, by index; NULL behind the last one. */
const struct cli_command *cli_command_at(size_t index);
struct cli_tables;
/* Has describe called with the tables of the command that cli names. False: there is none. */
bool cli_describe_command(struct cli *cli,
                          void (*describe)(const struct cli_tables *tables, void *arg), void *arg);

/* Which failures of requests are not told, since they are no news: set in a copy of struct cli. */
enum cli_hush { CLI_TELL, CLI_HUSH_NOT_FOUND, CLI_HUSH_ALL };

/* ---- options.c -------------------------------------------------------------------------------
 * Options may stand anywhere and be written --name VALUE or --name=VALUE. */
struct cli_option {
    const char *name;
    const char *value_name; /* NULL: a flag, which may still be written --name=false */
    const char **value;     /* set if the option is there: its text, "true" for a bare flag */
    const char *help;
};

/* Whatever may stand on a command's line. */
struct cli_tables {
    const char *usage; /* "get nodes | get participants [--room ROOM]": alternatives */
    const struct cli_option *own, *common;
    size_t own_count, common_count;
};

#define CLI_LIST_BYTES 4096 /* of an option that is there several times */

struct cli {
    const char *command; /* "get", for messages */
    /* Gets the tables of a command that is run for their sake alone; NULL else. */
    void (*describe)(const struct cli_tables *tables, void *arg);
    void *describe_arg;
    /* Options of every command. */
    const char *server; /* a list with commas */
    const char *cluster_file;
    const char *format_text;
    const char *token_file;
    const char *api_key;
    const char *api_secret_file;
    const char *api_secret;
    const char *no_headers;
    const char *quiet;
    const char *timeout_text;
    const char *help;
    char server_text[CLI_LIST_BYTES]; /* of --server, several times */
    char secret_text[CLI_LIST_BYTES]; /* of --api-secret, which is not left where ps sees it */
    /* Set by a command whose option may be there several times: that gets all texts, a line each.
     */
    const char **lines_of;
    char lines[CLI_LIST_BYTES];
    enum cli_hush hush;
    enum cli_format format;
    long timeout_s;
    /* What is left behind the command's name, between the options. */
    const char **arguments;
    size_t argument_count;
};

/* Reads the options of a command and those of all. False: a usage error, told already, or help was
 * asked for and given: *exit_code is what to return. */
bool cli_parse(struct cli *cli, int argc, char **argv, const char *usage,
               const struct cli_option *options, size_t count, enum cli_exit *exit_code);
/* Where the command's name stands behind options of every command; argc: nowhere. */
int cli_command_index(int argc, char **argv);
/* "spillctl: ..." on stderr, and CLI_USAGE. */
enum cli_exit cli_usage(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* What went wrong. */
void cli_say(const char *format, ...) PRINTF_LIKE(1, 2);
/* What went well, which --quiet keeps back. */
void cli_talk(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* A flag that is there, and not as --name=false. */
bool cli_on(const char *flag);
/* True for "true", "yes", "1". False with *ok false for anything that is no boolean. */
bool cli_bool(const char *text, bool *ok);
/* "90", "90s", "15m", "6h", "7d" in seconds, or -1. */
int64_t cli_seconds(const char *text);

/* ---- servers.c ---- */
#define CLI_SERVERS_MAX 16
struct cli_servers {
    char *urls[CLI_SERVERS_MAX]; /* owned */
    size_t count;                /* 1 or more */
};
/* False: none, told already. */
bool cli_servers_read(const struct cli *cli, struct cli_servers *out);
void cli_servers_free(struct cli_servers *servers);
/* The processes of deploy/up's cluster, each with "role", "name" and "pid"; to be released. NULL:
 * no file names them, told. */
json_t *cli_cluster_rows(const struct cli *cli);

/* ---- request.c ----
 * One orchestrator after the other is asked until one answers, the one that did last first: for
 * what only reads, whatever went wrong with those before; for what changes something, only while
 * they could not be connected to, since else it may have been done. */
#define CLI_PATH_BYTES 4096
/* A call of the admin API. Path segments are escaped here: cli_path(path, size, "rooms", room,
 * NULL). On CLI_OK *out holds the answer, to be released with json_decref; else the reason was
 * told. */
void cli_path(char *out, size_t cap, ...) __attribute__((sentinel));
enum cli_exit cli_get(const struct cli *cli, const char *path, json_t **out);
enum cli_exit cli_post(const struct cli *cli, const char *path, const json_t *body, json_t **out);

/* ---- names.c ---- */
struct cli_node {
    json_t *json; /* owned, as GET nodes/{id} answers */
    const char *id, *name;
    bool exact; /* named by its whole id or name */
};
/* The node that text names: by id, by name, or by a beginning of either that no other living node
 * has. CLI_USAGE: several have it. On CLI_OK to be freed; else the reason was told. */
enum cli_exit cli_node_find(const struct cli *cli, const char *text, struct cli_node *out);
/* The same by a whole id or name, without a search. */
enum cli_exit cli_node_get(const struct cli *cli, const char *text, struct cli_node *out);
void cli_node_free(struct cli_node *node);

struct cli_nodes {
    struct cli_node *items; /* 1 or more, each once */
    size_t count;
    bool exact; /* all of them were named by a whole id or name */
};
/* Those that a command names, all alive, or the first failure. */
enum cli_exit cli_nodes_find(const struct cli *cli, struct cli_nodes *out);
void cli_nodes_free(struct cli_nodes *nodes);

/* ---- confirm.c ---- */
#define CLI_DRY_RUN(value)                                                                         \
    {                                                                                              \
        "dry-run", NULL, (value), "says what would be done, and does nothing"                      \
    }
#define CLI_YES(value)                                                                             \
    {                                                                                              \
        "yes", NULL, (value), "asks nothing"                                                       \
    }
/* "this ...": asks whether to go on, unless there is a --yes. CLI_REFUSED: no, or there is no
 * terminal to ask at; told. */
enum cli_exit cli_confirm(const struct cli *cli, const char *yes, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* ---- stop.c ---- */
#define CLI_STOP_BYTES 1024
/* From now on a signal that ends the command says this before, in place of what was set earlier. */
void cli_stop_say(const char *text);

/* ---- progress.c ---- */
struct cli_drained {
    struct cli_node node;     /* as seen last */
    json_int_t rooms, people; /* as told last; -1: nothing yet */
    bool over;                /* in: does not drain. out: is empty, gone, or drains no more */
    enum cli_exit exit_code;  /* of the latter */
};
/* Tells how it goes until all are over. CLI_OK then, CLI_TIMEOUT or the last failure else. */
enum cli_exit cli_drain_watch(const struct cli *cli, struct cli_drained *list, size_t count,
                              int64_t deadline_s);

/* So much of all, and what that is, on stderr's last line; where that is no terminal, nothing. To
 * be cleared before anything else is said. */
void cli_bar(const struct cli *cli, size_t done, size_t all, const char *format, ...)
    PRINTF_LIKE(4, 5);
void cli_bar_clear(const struct cli *cli);

/* ---- table.c ---- */
/* What is null is shown as "-". */
enum cli_kind {
    CLI_TEXT,
    CLI_NUMBER,
    CLI_BITRATE,
    CLI_RATIO,
    CLI_LOSS,
    CLI_AGE,
    CLI_COUNT,
    CLI_FLAG,
    CLI_STATE /* of a node; coloured on a terminal, unless NO_COLOR is set (no-color.org) */
};

struct cli_column {
    const char *header;
    const char *key; /* in the JSON object of a row */
    enum cli_kind kind;
    bool wide; /* only with -o wide */
};

/* rows: a JSON array of objects, or of arrays that have the values of the columns to show. Text
 * that could act on a terminal is made harmless. */
void cli_table(const struct cli *cli, const json_t *rows, const struct cli_column *columns,
               size_t count);
struct cli_view;
/* The path of the view's list: where a table or names are asked for, of no more than these show,
 * as "rows". A list of 10,000 takes a quarter of the time so. */
void cli_table_path(const struct cli *cli, const struct cli_view *view, char *out, size_t cap);
/* "key: value" lines, nested. */
void cli_describe(const json_t *object);
/* Copies text with what could steer a terminal replaced, cut at a character's border. */
void cli_harmless(char *out, size_t cap, const char *text);

/* ---- print.c ----
 * Answers of the admin API, and what is made in their likeness. */
struct cli_view {
    const char *list;                 /* key of the rows in the answer; NULL: it is a row itself */
    const char *name;                 /* key of a row's name */
    const struct cli_column *columns; /* NULL: as cli_describe() */
    size_t column_count;
};
/* In the format that was asked for. CLI_TIMEOUT: it lacks an orchestrator's part, which is told. */
enum cli_exit cli_print(const struct cli *cli, const json_t *answer, const struct cli_view *view);
/* A text of an object; "" if there is none. Borrowed from it. */
const char *cli_text(const json_t *object, const char *key);
/* For what has a table of its own: false, and nothing printed, where a table or names are asked
 * for. As a list it is a line for each of its rows with -o jsonl. */
bool cli_print_data(const struct cli *cli, const json_t *answer, const char *list);
/* rows: of objects, or of arrays that begin with the name. */
void cli_names(const json_t *rows, const char *key);
void cli_json(const json_t *json);
/* CLI_TIMEOUT, told, if not all orchestrators said their part of it. */
enum cli_exit cli_whole(const json_t *answer);

/* ---- help.c ---- */
void cli_help(const struct cli_tables *tables);
void cli_help_all(FILE *out);
extern const char *const cli_exit_texts[CLI_EXIT_COUNT];
struct cli_variable {
    const char *name, *text;
};
/* Of the environment; ends with a NULL name. */
extern const struct cli_variable cli_variables[];

/* ---- show.c ---- */
/* Adds everybody in all rooms to the answer's "participants", each with the name of its "room";
 * and "unanswered". */
enum cli_exit cli_participants(const struct cli *cli, json_t *answer);

/* ---- fleet.c ---- */
/* get fleet: always as a file, in YAML unless another format is asked for. */
enum cli_exit cli_get_fleet(const struct cli *cli);

/* ---- events.c ---- */
/* All that are kept about a node or a room, the other is NULL; on CLI_OK an array to be released.
 */
enum cli_exit cli_events_about(const struct cli *cli, const char *node, const char *room,
                               json_t **out);
/* Their rows, as events prints them. */
void cli_events_print(const json_t *events);

/* ---- Commands ---- */
enum cli_exit cli_cmd_get(struct cli *cli, int argc, char **argv);       /* show.c */
enum cli_exit cli_cmd_watch(struct cli *cli, int argc, char **argv);     /* show.c */
enum cli_exit cli_cmd_describe(struct cli *cli, int argc, char **argv);  /* show.c */
enum cli_exit cli_cmd_move(struct cli *cli, int argc, char **argv);      /* move.c */
enum cli_exit cli_cmd_pin(struct cli *cli, int argc, char **argv);       /* pin.c */
enum cli_exit cli_cmd_unpin(struct cli *cli, int argc, char **argv);     /* pin.c */
enum cli_exit cli_cmd_rebalance(struct cli *cli, int argc, char **argv); /* rebalance.c */
enum cli_exit cli_cmd_cordon(struct cli *cli, int argc, char **argv);    /* drain.c */
enum cli_exit cli_cmd_uncordon(struct cli *cli, int argc, char **argv);  /* drain.c */
enum cli_exit cli_cmd_drain(struct cli *cli, int argc, char **argv);     /* drain.c */
enum cli_exit cli_cmd_rollout(struct cli *cli, int argc, char **argv);   /* rollout.c */
enum cli_exit cli_cmd_explain(struct cli *cli, int argc, char **argv);   /* explain.c */
enum cli_exit cli_cmd_reserve(struct cli *cli, int argc, char **argv);   /* reserve.c */
enum cli_exit cli_cmd_place(struct cli *cli, int argc, char **argv);     /* place.c */
enum cli_exit cli_cmd_plan(struct cli *cli, int argc, char **argv);      /* plan.c */
enum cli_exit cli_cmd_sim(struct cli *cli, int argc, char **argv);       /* sim.c */
enum cli_exit cli_cmd_stats(struct cli *cli, int argc, char **argv);     /* stats.c */
enum cli_exit cli_cmd_events(struct cli *cli, int argc, char **argv);    /* events.c */
enum cli_exit cli_cmd_top(struct cli *cli, int argc, char **argv);       /* top.c */
enum cli_exit cli_cmd_config(struct cli *cli, int argc, char **argv);    /* config.c */
enum cli_exit cli_cmd_demo(struct cli *cli, int argc, char **argv);      /* demo.c */
enum cli_exit cli_cmd_token(struct cli *cli, int argc, char **argv);     /* token.c */
enum cli_exit cli_cmd_keys(struct cli *cli, int argc, char **argv);      /* keys.c */

enum cli_exit cli_cmd_completion(struct cli *cli, int argc, char **argv); /* completion.c */
enum cli_exit cli_cmd_complete(struct cli *cli, int argc, char **argv);   /* complete.c */
enum cli_exit cli_cmd_man(struct cli *cli, int argc, char **argv);        /* man.c */

/* ---- credentials.c ---- */
#define CLI_KEY_SOURCES                                                                            \
    "SPILLWAY_API_KEY, and SPILLWAY_API_SECRET or SPILLWAY_API_SECRET_FILE (--api-key, "           \
    "--api-secret-file)"
struct token_key;
/* The API key of options or environment: all NULL if there is none, or half of one; borrowed.
 * CLI_USAGE: a file cannot be read, told. */
enum cli_exit cli_key(const struct cli *cli, struct token_key *out);
/* The token to send, to be freed; NULL in *out if there is none. CLI_USAGE as above. */
enum cli_exit cli_admin_token(const struct cli *cli, char **out);

#endif
