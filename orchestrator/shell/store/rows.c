/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/shell/store/internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void add(struct row *row, const char *word)
{
    assert(row->count < ROW_WORDS_MAX);
    row->words[row->count++] = mem_str(word);
}

void row_fini(struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        free(row->words[i]);
    }
    row->count = 0;
}

void row_node_key(char *out, size_t len, const char *id)
{
    snprintf(out, len, "spillway:node:%s", id);
}

void row_room_key(char *out, size_t len, const char *name)
{
    snprintf(out, len, "spillway:room:%s", name);
}

void row_presence_key(char *out, size_t len, const char *id)
{
    snprintf(out, len, "spillway:orchestrator:%s", id);
}

void row_of_words(struct row *out, size_t count, const char *const *words)
{
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        add(out, words[i]);
    }
}

/* Appends a JSON number or string as text; false for anything else. */
static bool add_value(struct row *row, const json_t *value)
{
    char number[32];
    if (json_is_string(value)) {
        add(row, json_string_value(value));
        return true;
    }
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(number, sizeof(number), "%.17g", json_real_value(value));
    } else {
        return false;
    }
    add(row, number);
    return true;
}

/* Both at once: a connection that breaks in between would leave a row for ever. */
static const char node_script[] = "redis.call('HSET', KEYS[1], unpack(ARGV, 2))\n"
                                  "redis.call('EXPIRE', KEYS[1], ARGV[1])\n";

int row_of_node(struct row *out, const char *id, const char *json)
{
    char key[ROW_KEY_MAX], ttl[16];
    json_t *object = json_loads(json, 0, NULL);
    size_t fields = json_object_size(object); /* 0 for what is no object */
    if (fields == 0 || fields > ROW_FIELDS_MAX) {
        json_decref(object);
        return ERR_INVALID;
    }
    row_node_key(key, sizeof(key), id);
    snprintf(ttl, sizeof(ttl), "%d", STORE_NODE_TTL_S);
    row_of_words(out, ROW_NODE_HEAD, (const char *const[]){"EVAL", node_script, "1", key, ttl});
    const char *field;
    json_t *value;
    bool valid = true;
    json_object_foreach(object, field, value)
    {
        add(out, field);
        valid = valid && add_value(out, value);
        if (!valid) {
            break;
        }
    }
    json_decref(object);
    if (!valid) {
        row_fini(out);
        return ERR_INVALID;
    }
    return 0;
}
