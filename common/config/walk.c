/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks a YAML document and a table side by side. The walk recurses, against the house rule: its
 * depth is that of the tables, which are constants of the program, never that of the document.
 */
#include "common/config/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define SIMILAR_MAX 32 /* longer words are not compared */

int walk_fail(struct walk *walk, const yaml_mark_t *mark, const char *format, ...)
{
    int len = walk->lines && mark != NULL
                  ? snprintf(walk->error, CONFIG_ERROR_MAX, "%s:%zu: ", walk->name, mark->line + 1)
                  : snprintf(walk->error, CONFIG_ERROR_MAX, "%s: ", walk->name);
    if (len > 0 && len < CONFIG_ERROR_MAX) {
        va_list args;
        va_start(args, format);
        vsnprintf(walk->error + len, (size_t)(CONFIG_ERROR_MAX - len), format, args);
        va_end(args);
    }
    return ERR_INVALID;
}

/* ---- Tables and fields ----------------------------------------------------------------------- */

const struct config_key *walk_find(const struct config_table *table, const char *name, size_t len)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strlen(table->keys[i].name) == len && memcmp(table->keys[i].name, name, len) == 0) {
            return &table->keys[i];
        }
    }
    return NULL;
}

/* Edit distance of two short words (Wagner and Fischer), one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[SIMILAR_MAX + 1];
    size_t b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = MIN(replaced, MIN(row[j], row[j + 1]) + 1);
        }
    }
    return row[b_len];
}

/* The key of the table that looks most like name, or NULL. */
static const char *similar(const struct config_table *table, const char *name)
{
    const char *best = NULL;
    size_t best_distance = 3; /* two slips at most */
    for (size_t i = 0; strlen(name) <= SIMILAR_MAX && i < table->count; i++) {
        const char *candidate = table->keys[i].name;
        size_t edits = strlen(candidate) <= SIMILAR_MAX ? distance(name, candidate) : SIZE_MAX;
        if (edits < best_distance && edits < strlen(candidate)) {
            best = candidate;
            best_distance = edits;
        }
    }
    return best;
}

int walk_unknown(struct walk *walk, const yaml_mark_t *mark, const struct config_table *table,
                 const char *name)
{
    const char *other = similar(table, name);
    if (other == NULL) {
        return walk_fail(walk, mark, "unknown key '%.60s'", name);
    }
    return walk_fail(walk, mark, "unknown key '%.60s' (did you mean '%s'?)", name, other);
}

static void strings_free(struct config_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        free(strings->items[i]);
    }
    free(strings->items);
    *strings = (struct config_strings){0};
}

static void map_free(struct config_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->items[i].key);
        free(map->items[i].value);
    }
    free(map->items);
    *map = (struct config_map){0};
}

static void list_free(const struct config_table *table, struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        config_free(table, (char *)list->items + i * table->size);
    }
    free(list->items);
    *list = (struct config_list){0};
}

void walk_field_free(const struct config_key *key, void *field)
{
    switch (key->type) {
    case CONFIG_TYPE_STRING:
        free(*(char **)field);
        *(char **)field = NULL;
        return;
    case CONFIG_TYPE_STRINGS:
        strings_free(field);
        return;
    case CONFIG_TYPE_MAP:
        map_free(field);
        return;
    case CONFIG_TYPE_GROUP:
        config_free(key->table, field);
        return;
    case CONFIG_TYPE_LIST:
        list_free(key->table, field);
        return;
    case CONFIG_TYPE_BOOL:
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_CHOICE:
        return;
    }
    unreachable();
}

void walk_map_set(struct config_map *map, const char *key, const char *value)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].key, key) == 0) {
            free(map->items[i].value);
            map->items[i].value = mem_str(value);
            return;
        }
    }
    map->items = mem_grow(map->items, map->count + 1, sizeof(*map->items));
    map->items[map->count++] = (struct config_pair){mem_str(key), mem_str(value)};
}

void walk_defaults(const struct config_table *table, void *base)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        void *field = (char *)base + key->offset;
        char expected[VALUE_EXPECTED_MAX];
        if (key->type == CONFIG_TYPE_GROUP) {
            walk_defaults(key->table, field);
        } else if (key->type == CONFIG_TYPE_STRING) {
            *(char **)field = mem_str(key->fallback);
        } else if (key->fallback != NULL) {
            int err = value_parse(key, key->fallback, field, expected);
            assert(err == 0); /* a default outside its own range is our mistake */
        }
    }
}

static bool is_empty(const struct config_key *key, const void *field)
{
    switch (key->type) {
    case CONFIG_TYPE_STRING:
        return **(char *const *)field == '\0';
    case CONFIG_TYPE_STRINGS:
        return ((const struct config_strings *)field)->count == 0;
    case CONFIG_TYPE_MAP:
        return ((const struct config_map *)field)->count == 0;
    case CONFIG_TYPE_LIST:
        return ((const struct config_list *)field)->count == 0;
    default:
        return false;
    }
}

const struct config_key *walk_missing(const struct config_table *table, const void *base,
                                      char path[WALK_PATH_MAX])
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        const void *field = (const char *)base + key->offset;
        size_t len = (size_t)snprintf(path, WALK_PATH_MAX, "%s", key->name);
        if (key->type == CONFIG_TYPE_GROUP) {
            char below[WALK_PATH_MAX];
            const struct config_key *missing = walk_missing(key->table, field, below);
            if (missing != NULL) {
                snprintf(path + len, WALK_PATH_MAX - len, ".%.*s", 100, below);
                return missing;
            }
        } else if (key->required && is_empty(key, field)) {
            return key;
        }
    }
    return NULL;
}

/* ---- Nodes of the document ---------------------------------------------------------------------
 */

static int apply_table(struct walk *walk, const struct config_table *table, yaml_node_t *node,
                       void *base);

static yaml_node_t *node_at(struct walk *walk, int index)
{
    yaml_node_t *node = yaml_document_get_node(&walk->document, index);
    assert(node != NULL);
    return node;
}

/* "port:" with nothing behind it. */
static bool is_null(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
           node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* The text of a scalar, NUL-terminated by libyaml, or NULL after walk_fail(). */
static const char *scalar(struct walk *walk, const yaml_node_t *node, const char *what)
{
    if (node->type != YAML_SCALAR_NODE) {
        walk_fail(walk, &node->start_mark, "%s: expected a single value", what);
        return NULL;
    }
    walk->taken += node->data.scalar.length + 1;
    if (walk->taken > CONFIG_FILE_MAX) { /* only aliases can make more of a file than it holds */
        walk_fail(walk, &node->start_mark, "%s: aliases make this larger than %d bytes", what,
                  CONFIG_FILE_MAX);
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        walk_fail(walk, &node->start_mark, "%s: a NUL character can not be used", what);
        return NULL;
    }
    return text;
}

static int apply_scalar(struct walk *walk, const struct config_key *key, const yaml_mark_t *mark,
                        const char *text, void *field)
{
    if (key->type == CONFIG_TYPE_STRING) {
        char **string = field;
        free(*string);
        *string = mem_str(text);
        return 0;
    }
    char expected[VALUE_EXPECTED_MAX];
    if (value_parse(key, text, field, expected) != 0) {
        return walk_fail(walk, mark, "%s: '%.60s' is not %s", key->name, text, expected);
    }
    return 0;
}

static int apply_strings(struct walk *walk, const struct config_key *key, yaml_node_t *node,
                         struct config_strings *strings)
{
    strings_free(strings);
    if (is_null(node)) {
        return 0;
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return walk_fail(walk, &node->start_mark, "%s: expected a list", key->name);
    }
    yaml_node_item_t *items = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - items);
    if (count > CONFIG_ITEMS_MAX) {
        return walk_fail(walk, &node->start_mark, "%s: more than %d entries", key->name,
                         CONFIG_ITEMS_MAX);
    }
    strings->items = mem_array(count, sizeof(*strings->items));
    for (size_t i = 0; i < count; i++) {
        const char *text = scalar(walk, node_at(walk, items[i]), key->name);
        if (text == NULL) {
            return ERR_INVALID;
        }
        strings->items[strings->count++] = mem_str(text);
    }
    return 0;
}

static int apply_map(struct walk *walk, const struct config_key *key, yaml_node_t *node,
                     struct config_map *map)
{
    map_free(map);
    if (is_null(node)) {
        return 0;
    }
    if (node->type != YAML_MAPPING_NODE) {
        return walk_fail(walk, &node->start_mark, "%s: expected a map", key->name);
    }
    yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs);
    if (count > CONFIG_ITEMS_MAX) {
        return walk_fail(walk, &node->start_mark, "%s: more than %d entries", key->name,
                         CONFIG_ITEMS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *key_node = node_at(walk, pairs[i].key);
        const char *name = scalar(walk, key_node, key->name);
        const char *value = name == NULL ? NULL : scalar(walk, node_at(walk, pairs[i].value), name);
        if (value == NULL) {
            return ERR_INVALID;
        }
        if (config_map_get(map, name) != NULL) {
            return walk_fail(walk, &key_node->start_mark, "%s: '%.60s' is there twice", key->name,
                             name);
        }
        walk_map_set(map, name, value);
    }
    return 0;
}

static int apply_list(struct walk *walk, const struct config_key *key, yaml_node_t *node,
                      struct config_list *list)
{
    list_free(key->table, list);
    if (is_null(node)) {
        return 0;
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return walk_fail(walk, &node->start_mark, "%s: expected a list", key->name);
    }
    yaml_node_item_t *items = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - items);
    if (count > CONFIG_ITEMS_MAX) {
        return walk_fail(walk, &node->start_mark, "%s: more than %d entries", key->name,
                         CONFIG_ITEMS_MAX);
    }
    list->items = mem_array(count, key->table->size);
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = node_at(walk, items[i]);
        void *entry = (char *)list->items + i * key->table->size;
        walk_defaults(key->table, entry);
        list->count++;
        int err = apply_table(walk, key->table, item, entry);
        if (err != 0) {
            return err;
        }
        char path[WALK_PATH_MAX];
        if (walk_missing(key->table, entry, path) != NULL) {
            return walk_fail(walk, &item->start_mark, "%s: '%s' is missing", key->name, path);
        }
    }
    return 0;
}

static int apply_value(struct walk *walk, const struct config_key *key, yaml_node_t *node,
                       void *field)
{
    switch (key->type) {
    case CONFIG_TYPE_STRINGS:
        return apply_strings(walk, key, node, field);
    case CONFIG_TYPE_MAP:
        return apply_map(walk, key, node, field);
    case CONFIG_TYPE_LIST:
        return apply_list(walk, key, node, field);
    case CONFIG_TYPE_GROUP:
        return is_null(node) ? 0 : apply_table(walk, key->table, node, field);
    default:
        break;
    }
    const char *text = scalar(walk, node, key->name);
    return text == NULL ? ERR_INVALID : apply_scalar(walk, key, &node->start_mark, text, field);
}

static int apply_table(struct walk *walk, const struct config_table *table, yaml_node_t *node,
                       void *base)
{
    if (node->type != YAML_MAPPING_NODE) {
        return walk_fail(walk, &node->start_mark, "expected keys and values");
    }
    uint64_t seen = 0; /* one bit per key of the table */
    assert(table->count <= 64);
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key_node = node_at(walk, pair->key);
        const char *name = scalar(walk, key_node, "key");
        if (name == NULL) {
            return ERR_INVALID;
        }
        const struct config_key *key = walk_find(table, name, strlen(name));
        if (key == NULL) {
            return walk_unknown(walk, &key_node->start_mark, table, name);
        }
        uint64_t bit = (uint64_t)1 << (key - table->keys);
        if ((seen & bit) != 0) {
            return walk_fail(walk, &key_node->start_mark, "key '%s' is there twice", name);
        }
        seen |= bit;
        int err = apply_value(walk, key, node_at(walk, pair->value), (char *)base + key->offset);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* ---- Text --------------------------------------------------------------------------------------
 */

static int fail_syntax(struct walk *walk, const yaml_parser_t *parser)
{
    bool marked = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR ||
                  parser->error == YAML_COMPOSER_ERROR;
    return walk_fail(walk, marked ? &parser->problem_mark : &parser->mark, "no valid YAML: %s",
                     parser->problem == NULL ? "out of memory" : parser->problem);
}

/* Loads the only document of text; root NULL for an empty one. On success walk->document is to be
 * deleted. */
static int load(struct walk *walk, yaml_parser_t *parser, yaml_node_t **root)
{
    if (!yaml_parser_load(parser, &walk->document)) {
        return fail_syntax(walk, parser);
    }
    *root = yaml_document_get_root_node(&walk->document);
    yaml_document_t next;
    if (*root == NULL) {
        return 0;
    }
    int err = 0;
    if (!yaml_parser_load(parser, &next)) {
        err = fail_syntax(walk, parser);
    } else {
        if (yaml_document_get_root_node(&next) != NULL) {
            err = walk_fail(walk, &next.start_mark, "only one document may be in a file");
        }
        yaml_document_delete(&next);
    }
    if (err != 0) {
        yaml_document_delete(&walk->document);
    }
    return err;
}

static int apply_text(struct walk *walk, const struct config_table *table,
                      const struct config_key *key, struct bytes text, void *target)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        abort(); /* no memory: as mem_alloc() */
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text.data, text.len);
    yaml_node_t *root = NULL;
    int err = load(walk, &parser, &root);
    if (err == 0) {
        if (root != NULL) {
            err = table != NULL ? apply_table(walk, table, root, target)
                                : apply_value(walk, key, root, target);
        } else if (key != NULL && key->type != CONFIG_TYPE_GROUP) {
            walk_field_free(key, target); /* "urls=" empties it */
        }
        yaml_document_delete(&walk->document);
    }
    yaml_parser_delete(&parser);
    return err;
}

/* The value of a key of a mapping, an item of a list by its number, or NULL. */
static yaml_node_t *child(yaml_document_t *document, yaml_node_t *node, const char *name,
                          size_t len)
{
    if (node->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *items = node->data.sequence.items.start;
        size_t index = strtoul(name, NULL, 10);
        size_t count = (size_t)(node->data.sequence.items.top - items);
        return index < count ? yaml_document_get_node(document, items[index]) : NULL;
    }
    if (node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == len &&
            memcmp(key->data.scalar.value, name, len) == 0) {
            return yaml_document_get_node(document, pair->value);
        }
    }
    return NULL;
}

size_t walk_line(struct bytes text, const char *path, bool *whole)
{
    yaml_parser_t parser;
    yaml_document_t document;
    size_t line = 0;
    *whole = false;
    if (!yaml_parser_initialize(&parser)) {
        abort(); /* no memory: as mem_alloc() */
    }
    yaml_parser_set_input_string(&parser, text.data, text.len);
    if (yaml_parser_load(&parser, &document)) {
        yaml_node_t *node = yaml_document_get_root_node(&document);
        while (node != NULL && *path != '\0') {
            size_t len = strcspn(path, ".");
            node = child(&document, node, path, len);
            line = node == NULL ? line : node->start_mark.line + 1;
            path += len + (path[len] == '.');
        }
        *whole = node != NULL;
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return line;
}

int walk_table_text(struct walk *walk, const struct config_table *table, struct bytes text,
                    void *base)
{
    return apply_text(walk, table, NULL, text, base);
}

int walk_key_text(struct walk *walk, const struct config_key *key, struct bytes text, void *field)
{
    switch (key->type) {
    case CONFIG_TYPE_STRINGS:
    case CONFIG_TYPE_MAP:
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_GROUP:
        return apply_text(walk, NULL, key, text, field);
    default:
        break;
    }
    /* A scalar is taken as it stands, so that a secret needs no quoting. */
    char *copy = mem_copy(text.data, text.len);
    int err = apply_scalar(walk, key, NULL, copy, field);
    free(copy);
    return err;
}
