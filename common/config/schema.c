/* SPDX-License-Identifier: Apache-2.0
 *
 * What settings there are, as a JSON Schema: a line for each of them.
 */
#include "common/config/config.h"

#include "common/config/walk.h"

#include <inttypes.h>
#include <stdio.h>

#define INDENT 2

struct schema {
    const char *env_prefix; /* NULL in a list: its entries have no variables of their own */
    FILE *out;
    int indent;
    char path[WALK_PATH_MAX]; /* dotted, of what is told */
};

/* Tables hold nothing else that would have to be escaped. */
static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        fputs(*text == '"' || *text == '\\' ? "\\" : "", out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_member(FILE *out, const char *name, const char *value)
{
    fprintf(out, ", \"%s\": ", name);
    put_string(out, value);
}

static void put_scaled(FILE *out, const struct config_key *key)
{
    char text[VALUE_TEXT_MAX];
    fputs("\"type\": [\"string\", \"integer\"]", out);
    put_member(out, "x-type", key->type == CONFIG_TYPE_SIZE ? "size" : "duration");
    value_pattern(key, text);
    put_member(out, "pattern", text);
    value_text(key, key->min, text);
    put_member(out, "x-minimum", text);
    value_text(key, key->max, text);
    put_member(out, "x-maximum", text);
}

static void put_choices(FILE *out, const char *const *choices)
{
    fputs("\"enum\": [", out);
    for (size_t i = 0; choices[i] != NULL; i++) {
        fputs(i == 0 ? "" : ", ", out);
        put_string(out, choices[i]);
    }
    fputc(']', out);
}

static void put_table(struct schema *schema, const struct config_table *table);

static void put_list(struct schema *schema, const struct config_table *table)
{
    const char *env_prefix = schema->env_prefix;
    schema->env_prefix = NULL;
    fputs("\"type\": \"array\", \"items\": {", schema->out);
    put_table(schema, table);
    fputs("}", schema->out);
    schema->env_prefix = env_prefix;
}

static void put_type(struct schema *schema, const struct config_key *key)
{
    FILE *out = schema->out;
    switch (key->type) {
    case CONFIG_TYPE_STRING:
        fputs("\"type\": \"string\"", out);
        return;
    case CONFIG_TYPE_BOOL:
        fputs("\"type\": \"boolean\"", out);
        return;
    case CONFIG_TYPE_INT:
        fprintf(out, "\"type\": \"integer\", \"minimum\": %" PRId64 ", \"maximum\": %" PRId64,
                key->min, key->max);
        return;
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
        put_scaled(out, key);
        return;
    case CONFIG_TYPE_CHOICE:
        put_choices(out, key->choices);
        return;
    case CONFIG_TYPE_STRINGS:
        fputs("\"type\": \"array\", \"items\": {\"type\": \"string\"}", out);
        return;
    case CONFIG_TYPE_MAP:
        fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}", out);
        return;
    case CONFIG_TYPE_GROUP:
        put_table(schema, key->table);
        return;
    case CONFIG_TYPE_LIST:
        put_list(schema, key->table);
        return;
    }
    unreachable();
}

static void put_key(struct schema *schema, const struct config_key *key)
{
    FILE *out = schema->out;
    put_type(schema, key);
    if (key->type == CONFIG_TYPE_BOOL || key->type == CONFIG_TYPE_INT) {
        fprintf(out, ", \"default\": %s", key->fallback);
    } else if (key->fallback != NULL) {
        put_member(out, "default", key->fallback);
    }
    fputs(key->required ? ", \"x-required\": true" : "", out);
    fputs(key->secret ? ", \"writeOnly\": true" : "", out);
    if (key->type != CONFIG_TYPE_GROUP && schema->env_prefix != NULL) {
        char variable[CONFIG_ERROR_MAX];
        origin_variable(schema->env_prefix, schema->path, variable);
        put_member(out, "x-variable", variable);
    }
}

/* Recursive like the tables. */
static void put_table(struct schema *schema, const struct config_table *table)
{
    size_t prefix = strlen(schema->path);
    fputs("\"type\": \"object\", \"additionalProperties\": false, \"properties\": {", schema->out);
    schema->indent += INDENT;
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        snprintf(schema->path + prefix, sizeof(schema->path) - prefix, "%s%s",
                 prefix == 0 ? "" : ".", key->name);
        fprintf(schema->out, "%s\n%*s\"%s\": {", i == 0 ? "" : ",", schema->indent, "", key->name);
        put_key(schema, key);
        fputc('}', schema->out);
        schema->path[prefix] = '\0';
    }
    schema->indent -= INDENT;
    fputc('}', schema->out);
}

void config_schema(const struct config_table *table, const char *title, const char *env_prefix,
                   FILE *out)
{
    struct schema schema = {.env_prefix = env_prefix, .out = out};
    fputs("{\"$schema\": \"http://json-schema.org/draft-07/schema#\"", out);
    put_member(out, "title", title);
    fputs(", ", out);
    put_table(&schema, table);
    fputs("}\n", out);
}
