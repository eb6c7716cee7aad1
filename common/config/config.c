/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts the sources on top of each other: defaults, file, environment, command line. Each writes
 * over what the one before left; at the end required keys must not be empty.
 */
#include "common/config/config.h"

#include "common/config/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ENV_NAME_MAX 256

/* ---- Command line ------------------------------------------------------------------------------
 */

/* One "a.b=c". The last part may name an entry of a map: "keys.devkey=secret". */
static int apply_override(struct walk *walk, const struct config_table *table, const char *text,
                          void *base)
{
    const char *value = strchr(text, '=');
    if (value == NULL) {
        return walk_fail(walk, NULL, "expected KEY=VALUE");
    }
    const char *name = text;
    for (;;) {
        size_t len = strcspn(name, ".=");
        const struct config_key *key = walk_find(table, name, len);
        if (key == NULL) {
            char word[64];
            snprintf(word, sizeof(word), "%.*s", (int)MIN(len, sizeof(word) - 1), name);
            return walk_unknown(walk, NULL, table, word);
        }
        void *field = (char *)base + key->offset;
        bool last = name[len] == '=';
        name += len + 1;
        if (last) {
            return walk_key_text(walk, key, (struct bytes){(const uint8_t *)name, strlen(name)},
                                 field);
        }
        if (key->type == CONFIG_TYPE_MAP) {
            char *entry = mem_copy(name, (size_t)(value - name));
            walk_map_set(field, entry, value + 1);
            free(entry);
            return 0;
        }
        if (key->type != CONFIG_TYPE_GROUP) {
            return walk_fail(walk, NULL, "'%s' has no keys of its own", key->name);
        }
        table = key->table;
        base = field;
    }
}

static int apply_overrides(const struct config_table *table, const struct config_source *source,
                           void *base, char error[CONFIG_ERROR_MAX])
{
    for (size_t i = 0; i < source->override_count; i++) {
        /* The value may be a secret: the error names the key alone. */
        char name[128];
        const char *text = source->overrides[i];
        snprintf(name, sizeof(name), "setting %.*s", (int)MIN(strcspn(text, "="), (size_t)100),
                 text);
        struct walk walk = {.name = name, .error = error};
        int err = apply_override(&walk, table, text, base);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* ---- Environment -------------------------------------------------------------------------------
 */

static const char *env_find(char **env, const char *name)
{
    size_t len = strlen(name);
    for (; *env != NULL; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

/* The path of a key as a part of a variable's name: "LISTEN_PORT". */
static void env_spell(char *path)
{
    for (char *c = path; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '-' || *c == '.' ? '_' : *c;
    }
}

/* name holds the prefix; every key of the table is tried below it. Recursive like the tables. */
static int apply_env(const struct config_table *table, char **env, char name[ENV_NAME_MAX],
                     void *base, char error[CONFIG_ERROR_MAX])
{
    size_t prefix = strlen(name);
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        void *field = (char *)base + key->offset;
        bool group = key->type == CONFIG_TYPE_GROUP;
        snprintf(name + prefix, ENV_NAME_MAX - prefix, "%s%s", key->name, group ? "_" : "");
        env_spell(name + prefix);
        int err = 0;
        const char *value = group ? NULL : env_find(env, name);
        if (group) {
            err = apply_env(key->table, env, name, field, error);
        } else if (value != NULL) {
            struct walk walk = {.name = name, .error = error};
            err = walk_key_text(&walk, key, (struct bytes){(const uint8_t *)value, strlen(value)},
                                field);
        }
        if (err != 0) {
            return err;
        }
        name[prefix] = '\0';
    }
    return 0;
}

/* ---- Exported ----------------------------------------------------------------------------------
 */

int config_parse(const struct config_table *table, const struct config_source *source,
                 const char *name, struct bytes text, void *out, char error[CONFIG_ERROR_MAX])
{
    memset(out, 0, table->size);
    error[0] = '\0';
    walk_defaults(table, out);
    struct walk walk = {.name = name, .lines = true, .error = error};
    int err = walk_table_text(&walk, table, text, out);
    if (err == 0 && source->env_prefix != NULL && source->env != NULL) {
        char env_name[ENV_NAME_MAX];
        snprintf(env_name, sizeof(env_name), "%s", source->env_prefix);
        err = apply_env(table, source->env, env_name, out, error);
    }
    if (err == 0) {
        err = apply_overrides(table, source, out, error);
    }
    char path[WALK_PATH_MAX];
    if (err == 0 && walk_missing(table, out, path) != NULL) {
        err = walk_fail(&walk, NULL, "'%s' is missing", path);
    }
    if (err != 0) {
        config_free(table, out);
    }
    return err;
}

/* Reads a whole file. On success *out is the caller's. */
static int read_file(const char *path, uint8_t **out, size_t *out_len, char error[CONFIG_ERROR_MAX])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    uint8_t *data = mem_alloc(CONFIG_FILE_MAX + 1);
    size_t len = fread(data, 1, CONFIG_FILE_MAX + 1, file);
    int err = 0;
    if (ferror(file)) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s", path, strerror(errno));
        err = ERR_IO;
    } else if (len > CONFIG_FILE_MAX) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: larger than %d bytes", path, CONFIG_FILE_MAX);
        err = ERR_TOO_BIG;
    }
    fclose(file);
    if (err != 0) {
        free(data);
        return err;
    }
    *out = data;
    *out_len = len;
    return 0;
}

int config_load(const struct config_table *table, const struct config_source *source, void *out,
                char error[CONFIG_ERROR_MAX])
{
    if (source->path == NULL) {
        return config_parse(table, source, "configuration", (struct bytes){(const uint8_t *)"", 0},
                            out, error);
    }
    uint8_t *data = NULL;
    size_t len = 0;
    int err = read_file(source->path, &data, &len, error);
    if (err != 0) {
        memset(out, 0, table->size);
        return err;
    }
    err = config_parse(table, source, source->path, (struct bytes){data, len}, out, error);
    free(data);
    return err;
}

/* ---- Complaints --------------------------------------------------------------------------------
 */

/* Whether an override sets the key, an entry below it, or a group with the key in it. */
static bool overrides_key(const char *override, const char *key)
{
    size_t len = strlen(key);
    size_t own = strcspn(override, "=");
    bool whole = false;
    if (strncmp(override, key, len) == 0 && (override[len] == '=' || override[len] == '.')) {
        return true;
    }
    if (own < len && strncmp(override, key, own) == 0 && key[own] == '.') {
        const char *value = override + own + 1;
        (void)walk_line((struct bytes){(const uint8_t *)value, strlen(value)}, key + own + 1,
                        &whole);
    }
    return whole;
}

void origin_variable(const char *prefix, const char *key, char out[CONFIG_ERROR_MAX])
{
    snprintf(out, CONFIG_ERROR_MAX, "%s%s", prefix, key);
    env_spell(out + strlen(prefix));
}

enum origin origin_find(const struct config_source *source, const char *key,
                        char where[CONFIG_ERROR_MAX])
{
    for (size_t i = 0; i < source->override_count; i++) {
        if (overrides_key(source->overrides[i], key)) {
            snprintf(where, CONFIG_ERROR_MAX, "command line");
            return ORIGIN_COMMAND_LINE;
        }
    }
    if (source->env_prefix != NULL && source->env != NULL) {
        origin_variable(source->env_prefix, key, where);
        if (env_find(source->env, where) != NULL) {
            return ORIGIN_ENVIRONMENT;
        }
    }
    const char *name = source->path == NULL ? "configuration" : source->path;
    char ignored[CONFIG_ERROR_MAX];
    uint8_t *data = NULL;
    size_t len = 0;
    size_t line = 0;
    bool whole = false;
    if (source->path != NULL && read_file(source->path, &data, &len, ignored) == 0) {
        line = walk_line((struct bytes){data, len}, key, &whole);
        free(data);
    }
    if (line > 0) {
        snprintf(where, CONFIG_ERROR_MAX, "%s:%zu", name, line);
    } else {
        snprintf(where, CONFIG_ERROR_MAX, "%s", name);
    }
    return whole ? ORIGIN_FILE : ORIGIN_DEFAULT;
}

int config_complain(const struct config_source *source, const char *key, const char *text,
                    char error[CONFIG_ERROR_MAX])
{
    char where[CONFIG_ERROR_MAX];
    (void)origin_find(source, key, where);
    /* A path that leaves no room for the text is cut rather than the text. */
    snprintf(error, CONFIG_ERROR_MAX, "%.256s: %s: %s", where, key, text);
    return ERR_INVALID;
}

/* ---- Values ------------------------------------------------------------------------------------
 */

void config_free(const struct config_table *table, void *out)
{
    for (size_t i = 0; i < table->count; i++) {
        walk_field_free(&table->keys[i], (char *)out + table->keys[i].offset);
    }
    memset(out, 0, table->size);
}

bool config_is_label(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len >= 1 && len <= 32 && text[len] == '\0';
}

const char *config_map_get(const struct config_map *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].key, key) == 0) {
            return map->items[i].value;
        }
    }
    return NULL;
}
