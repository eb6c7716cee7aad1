/* SPDX-License-Identifier: Apache-2.0
 *
 * stats: how one participant's media fare, as its node reported last.
 */
#include "orchestrator/cli/cli.h"

static const struct cli_column person_columns[] = {
    {"IDENTITY", "identity", CLI_TEXT, false},
    {"ROOM", "room", CLI_TEXT, false},
    {"NODE", "node_name", CLI_TEXT, false},
    {"QUALITY", "quality", CLI_TEXT, false},
    {"RTT_MS", "rtt_ms", CLI_NUMBER, false},
    {"ESTIMATE", "estimate_bits_per_second", CLI_BITRATE, false},
    {"REMB", "remb_bits_per_second", CLI_BITRATE, false},
    {"AGE_MS", "age_ms", CLI_NUMBER, false},
    {"SID", "sid", CLI_TEXT, true},
};

/* What a published layer and a subscription have in common: its track, and how it flows. */
#define TRACK_COLUMNS                                                                              \
    {"TRACK", "sid", CLI_TEXT, false}, {"NAME", "name", CLI_TEXT, true},                           \
        {"SOURCE", "source", CLI_TEXT, false}, {"CODEC", "mime_type", CLI_TEXT, false},            \
        {"MUTED", "muted", CLI_FLAG, false},                                                       \
    {                                                                                              \
        "SCORE", "score", CLI_NUMBER, false                                                        \
    }
#define FLOW_COLUMNS                                                                               \
    {"LOST", "lost_ratio", CLI_LOSS, false}, {"JITTER_MS", "jitter_ms", CLI_NUMBER, false},        \
        {"PACKETS", "packets", CLI_NUMBER, true},                                                  \
        {"LOST_PACKETS", "lost_packets", CLI_NUMBER, true},                                        \
        {"NACKED", "nacked_packets", CLI_NUMBER, true},                                            \
        {"REPAIRED", "repaired_packets", CLI_NUMBER, true},                                        \
    {                                                                                              \
        "KEY_REQUESTS", "key_frame_requests", CLI_NUMBER, true                                     \
    }

/* A row a layer. */
static const struct cli_column track_columns[] = {
    TRACK_COLUMNS,
    {"LAYER", "layer", CLI_NUMBER, false},
    {"RID", "rid", CLI_TEXT, true},
    {"RATE", "bits_per_second", CLI_BITRATE, false},
    {"FPS", "frames_per_second", CLI_NUMBER, false},
    FLOW_COLUMNS,
};

static const struct cli_column subscription_columns[] = {
    {"FROM", "publisher", CLI_TEXT, false},
    TRACK_COLUMNS,
    {"PAUSED", "paused", CLI_TEXT, false},
    {"LAYER", "layer", CLI_NUMBER, false},
    {"WANTED", "layer_max", CLI_NUMBER, false},
    {"RATE", "bits_per_second", CLI_BITRATE, false},
    FLOW_COLUMNS,
};

/* The layers of all tracks, each with what its track says of itself. */
static json_t *layers_of(const json_t *tracks)
{
    json_t *rows = json_array();
    const json_t *track;
    json_t *layer;
    size_t i, j;
    json_array_foreach(tracks, i, track)
    {
        json_array_foreach(json_object_get(track, "layers"), j, layer)
        {
            json_t *row = json_copy((json_t *)track);
            json_object_update(row, layer);
            json_array_append_new(rows, row);
        }
    }
    return rows;
}

static void print_section(const struct cli *cli, const char *title, const json_t *rows,
                          const struct cli_column *columns, size_t count)
{
    if (json_array_size(rows) > 0) {
        printf("\n%s\n", title);
        cli_table(cli, rows, columns, count);
    }
}

static void print_answer(const struct cli *cli, json_t *answer)
{
    const json_t *tracks = json_object_get(answer, "tracks");
    const json_t *subscriptions = json_object_get(answer, "subscriptions");
    if (cli_print_data(cli, answer, NULL)) {
        return;
    }
    if (cli->format == CLI_NAME) {
        cli_names(tracks, "sid");
        cli_names(subscriptions, "sid");
        return;
    }
    json_t *person = json_pack("[O]", answer);
    json_t *layers = layers_of(tracks);
    cli_table(cli, person, person_columns, ARRAY_LEN(person_columns));
    print_section(cli, "publishes", layers, track_columns, ARRAY_LEN(track_columns));
    print_section(cli, "is subscribed to", subscriptions, subscription_columns,
                  ARRAY_LEN(subscription_columns));
    if (json_is_null(json_object_get(answer, "age_ms"))) {
        cli_talk(cli, "the node has not reported yet; it does every 5 s");
    }
    json_decref(person);
    json_decref(layers);
}

static enum cli_exit ask(const struct cli *cli, const char *room, const char *identity)
{
    char path[CLI_PATH_BYTES];
    json_t *answer = NULL;
    cli_path(path, sizeof(path), "rooms", room, "participants", identity, "stats", NULL);
    enum cli_exit exit_code = cli_get(cli, path, &answer);
    if (exit_code == CLI_OK) {
        print_answer(cli, answer);
    }
    json_decref(answer);
    return exit_code;
}

/* Whoever is the only one of that identity. */
static enum cli_exit search(const struct cli *cli, const char *identity)
{
    json_t *list = json_array();
    json_t *answer = json_pack("{s:o}", "participants", list);
    const json_t *person;
    const char *room = NULL;
    size_t i, found = 0;
    enum cli_exit exit_code = cli_participants(cli, answer);
    json_array_foreach(list, i, person)
    {
        const char *name = json_string_value(json_object_get(person, "identity"));
        if (name != NULL && strcmp(name, identity) == 0) {
            room = json_string_value(json_object_get(person, "room"));
            found++;
        }
    }
    if (exit_code == CLI_OK && found == 0) {
        cli_say("nobody with this identity is in any room");
        exit_code = cli_whole(answer) == CLI_OK ? CLI_NOT_FOUND : CLI_TIMEOUT;
    } else if (exit_code == CLI_OK && found > 1) {
        exit_code = cli_usage(cli, "%s is in %zu rooms: name one with --room", identity, found);
    } else if (exit_code == CLI_OK) {
        exit_code = ask(cli, room, identity);
    }
    json_decref(answer);
    return exit_code;
}

enum cli_exit cli_cmd_stats(struct cli *cli, int argc, char **argv)
{
    const char *room = NULL;
    const struct cli_option options[] = {
        {"room", "ROOM", &room, "the participant's room (whichever it is in, if that is one)"},
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "stats IDENTITY", options, ARRAY_LEN(options), &exit_code)) {
        return exit_code;
    }
    if (cli->argument_count != 1) {
        return cli_usage(cli, "stats takes one identity");
    }
    return room == NULL ? search(cli, cli->arguments[0]) : ask(cli, room, cli->arguments[0]);
}
