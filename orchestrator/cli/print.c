/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers in the format that was asked for. JSON, its lines and YAML have the fields of the admin
 * API, in its order (docs/protocols/admin-api.md).
 */
#include <yaml.h>

#include "orchestrator/cli/cli.h"

#define JSON_FLAGS (JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))
#define NAME_BYTES 512 /* identities have up to 256 bytes */

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

void cli_names(const json_t *rows, const char *key)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        char cell[NAME_BYTES];
        const json_t *value =
            json_is_array(row) ? json_array_get(row, 0) : json_object_get(row, key);
        const char *name = json_string_value(value);
        cli_harmless(cell, sizeof(cell), name == NULL ? "" : name);
        puts(cell);
    }
}

void cli_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_FLAGS);
    fputc('\n', stdout);
}

static void print_line(const json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT | JSON_FLAGS);
    fputc('\n', stdout);
}

/* ---- YAML ---------------------------------------------------------------------------------- */

/* Whether text may stand without quotes and is text for every reader of YAML 1.1 and 1.2. */
static bool plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789_-./");
    bool letter = (text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z');
    bool word = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        word |= strcasecmp(text, words[i]) == 0;
    }
    return letter && text[len] == '\0' && !word;
}

/* A disk that is full is noticed at the end, as with the other formats. */
static int write_yaml(void *arg, unsigned char *bytes, size_t len)
{
    fwrite(bytes, 1, len, arg);
    return 1;
}

static void emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
    /* Neither fails but for a lack of memory: jansson lets nothing in that is not UTF-8. */
    if (made == 0 || yaml_emitter_emit(emitter, event) == 0) {
        unreachable();
    }
}

static void emit_scalar(yaml_emitter_t *emitter, const char *text, bool bare)
{
    yaml_event_t event;
    emit(emitter, &event,
         yaml_scalar_event_initialize(
             &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
             bare ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE));
}

/* Recursive like the JSON, of which jansson reads up to 2,048 levels. */
static void emit_value(yaml_emitter_t *emitter, const json_t *value)
{
    yaml_event_t event;
    const char *key;
    const json_t *item;
    size_t i;
    if (json_is_object(value)) {
        emit(emitter, &event,
             yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
        json_object_foreach((json_t *)value, key, item)
        {
            emit_scalar(emitter, key, plain(key));
            emit_value(emitter, item);
        }
        emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
    } else if (json_is_array(value)) {
        emit(
            emitter, &event,
            yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
        json_array_foreach(value, i, item)
        {
            emit_value(emitter, item);
        }
        emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
    } else if (json_is_string(value)) {
        emit_scalar(emitter, json_string_value(value), plain(json_string_value(value)));
    } else {
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_FLAGS);
        emit_scalar(emitter, dump, true);
        free(dump);
    }
}

static void print_yaml(const json_t *json)
{
    yaml_emitter_t emitter;
    yaml_event_t event;
    if (yaml_emitter_initialize(&emitter) == 0) {
        unreachable();
    }
    yaml_emitter_set_output(&emitter, write_yaml, stdout);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    emit(&emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(&emitter, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    emit_value(&emitter, json);
    emit(&emitter, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&emitter, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&emitter);
}

/* ---- Answers ------------------------------------------------------------------------------- */

enum cli_exit cli_whole(const json_t *answer)
{
    size_t i;
    const json_t *name;
    const json_t *unanswered = json_object_get(answer, "unanswered");
    json_array_foreach(unanswered, i, name)
    {
        cli_say("orchestrator %s does not answer: its part is missing", json_string_value(name));
    }
    return json_array_size(unanswered) > 0 ? CLI_TIMEOUT : CLI_OK;
}

bool cli_print_data(const struct cli *cli, const json_t *answer, const char *list)
{
    size_t i;
    const json_t *row;
    switch (cli->format) {
    case CLI_JSON:
        cli_json(answer);
        return true;
    case CLI_JSONL:
        if (list == NULL) {
            print_line(answer);
        }
        json_array_foreach(list == NULL ? NULL : json_object_get(answer, list), i, row)
        {
            print_line(row);
        }
        return true;
    case CLI_YAML:
        print_yaml(answer);
        return true;
    case CLI_NAME:
    case CLI_TABLE:
    case CLI_WIDE:
        return false;
    default:
        unreachable();
    }
}

/* To be released. An older orchestrator has no "rows", whatever it was asked for. */
static json_t *rows_of(const json_t *answer, const struct cli_view *view)
{
    json_t *rows = json_object_get(answer, "rows");
    if (view->list == NULL) {
        return json_pack("[O]", answer);
    }
    return json_incref(rows != NULL ? rows : json_object_get(answer, view->list));
}

enum cli_exit cli_print(const struct cli *cli, const json_t *answer, const struct cli_view *view)
{
    if (!cli_print_data(cli, answer, view->list)) {
        json_t *rows = rows_of(answer, view);
        if (cli->format == CLI_NAME) {
            cli_names(rows, view->name);
        } else if (view->columns == NULL) {
            cli_describe(answer);
        } else {
            cli_table(cli, rows, view->columns, view->column_count);
        }
        json_decref(rows);
    }
    return cli_whole(answer);
}
