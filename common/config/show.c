/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings as they are in force, each with where it comes from.
 */
#include "common/config/config.h"

#include "common/config/walk.h"

#include <stdlib.h>

struct show {
    const struct config_source *source;
    void (*each)(void *arg, const struct config_shown *shown);
    void *arg;
    char path[WALK_PATH_MAX]; /* dotted, of what is shown */
    const char *inherited;    /* where the whole list around it comes from; NULL: each its own */
};

/* ---- Values -------------------------------------------------------------------------------- */

static void print_text(FILE *out, const char *text, bool secret)
{
    if (secret && text[0] != '\0') {
        fputs("***", out);
        return;
    }
    fputs(text[0] == '\0' ? "\"\"" : text, out);
}

static void print_number(FILE *out, const struct config_key *key, int64_t value)
{
    char text[VALUE_TEXT_MAX];
    value_text(key, value, text);
    fputs(text, out);
}

static void print_strings(FILE *out, const struct config_strings *strings)
{
    fputc('[', out);
    for (size_t i = 0; i < strings->count; i++) {
        fputs(i == 0 ? "" : ", ", out);
        print_text(out, strings->items[i], false);
    }
    fputc(']', out);
}

static void print_map(FILE *out, const struct config_map *map, bool secret)
{
    fputc('{', out);
    for (size_t i = 0; i < map->count; i++) {
        fprintf(out, "%s%s: ", i == 0 ? "" : ", ", map->items[i].key);
        print_text(out, map->items[i].value, secret);
    }
    fputc('}', out);
}

static void print_value(FILE *out, const struct config_key *key, const void *field)
{
    switch (key->type) {
    case CONFIG_TYPE_STRING:
        print_text(out, *(char *const *)field, key->secret);
        break;
    case CONFIG_TYPE_BOOL:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
        print_number(out, key, *(const int64_t *)field);
        break;
    case CONFIG_TYPE_CHOICE:
        fputs(key->choices[*(const int *)field], out);
        break;
    case CONFIG_TYPE_STRINGS:
        print_strings(out, field);
        break;
    case CONFIG_TYPE_MAP:
        print_map(out, field, key->secret);
        break;
    case CONFIG_TYPE_LIST: /* of none, else each is shown */
        fputs("[]", out);
        break;
    default:
        unreachable();
    }
}

/* ---- Settings ------------------------------------------------------------------------------ */

static void show_one(struct show *show, const struct config_key *key, const void *field)
{
    char where[CONFIG_ERROR_MAX] = "";
    char *value = NULL;
    size_t size;
    FILE *stream = open_memstream(&value, &size);
    if (stream == NULL) {
        abort(); /* no memory: as mem_alloc() */
    }
    print_value(stream, key, field);
    fclose(stream);
    if (show->inherited != NULL) {
        snprintf(where, sizeof(where), "%s", show->inherited);
    } else if (origin_find(show->source, show->path, where) == ORIGIN_DEFAULT) {
        snprintf(where, sizeof(where), "default");
    }
    show->each(show->arg, &(struct config_shown){show->path, value, where});
    free(value);
}

/* Recursive like the tables. */
static void show_table(struct show *show, const struct config_table *table, const void *base)
{
    size_t prefix = strlen(show->path);
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        const void *field = (const char *)base + key->offset;
        const struct config_list *list = key->type == CONFIG_TYPE_LIST ? field : NULL;
        char where[CONFIG_ERROR_MAX];
        size_t left = sizeof(show->path) - prefix;
        snprintf(show->path + prefix, left, "%s", key->name);
        if (key->type == CONFIG_TYPE_GROUP) {
            snprintf(show->path + prefix, left, "%s.", key->name);
            show_table(show, key->table, field);
        } else if (list == NULL || list->count == 0) {
            show_one(show, key, field);
        } else if (origin_find(show->source, show->path, where) > ORIGIN_FILE) {
            show->inherited = where;
        }
        for (size_t entry = 0; list != NULL && entry < list->count; entry++) {
            snprintf(show->path + prefix, left, "%s.%zu.", key->name, entry);
            show_table(show, key->table, (const char *)list->items + entry * key->table->size);
        }
        show->inherited = list == NULL ? show->inherited : NULL;
        show->path[prefix] = '\0';
    }
}

void config_each(const struct config_table *table, const struct config_source *source,
                 const void *settings, void (*each)(void *arg, const struct config_shown *shown),
                 void *arg)
{
    struct show show = {.source = source, .each = each, .arg = arg};
    show_table(&show, table, settings);
}

static void print_line(void *arg, const struct config_shown *shown)
{
    fprintf(arg, "%-28s %-28s %s\n", shown->path, shown->value, shown->origin);
}

void config_show(const struct config_table *table, const struct config_source *source,
                 const void *settings, FILE *out)
{
    config_each(table, source, settings, print_line, out);
}
