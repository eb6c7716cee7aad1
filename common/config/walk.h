/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/config: the pieces config.c puts together.
 */
#ifndef COMMON_CONFIG_WALK_H
#define COMMON_CONFIG_WALK_H

#include "common/config/config.h"

#include <yaml.h>

/* ---- config.c: where a value comes from -------------------------------------------------------
 */
enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_COMMAND_LINE };

/* The strongest source that has the key, and in words: "command line", the variable, or the file
 * with the line that comes nearest. */
enum origin origin_find(const struct config_source *source, const char *key,
                        char where[CONFIG_ERROR_MAX]);

/* The name of the variable that sets a dotted path. */
void origin_variable(const char *prefix, const char *key, char out[CONFIG_ERROR_MAX]);

/* ---- value.c: one scalar -------------------------------------------------------------------- */

/* Parses text by key->type into *field, whatever it held. ERR_INVALID: expected says what would be
 * right ("a whole number from 1 to 65535"). For the types BOOL, INT, DURATION, SIZE and CHOICE. */
#define VALUE_EXPECTED_MAX 256
int value_parse(const struct config_key *key, const char *text, void *field,
                char expected[VALUE_EXPECTED_MAX]);

/* An INT, DURATION or SIZE as it could be written in a file, with the largest unit that divides it;
 * and what the latter two look like, as a regular expression. */
#define VALUE_TEXT_MAX 64
void value_text(const struct config_key *key, int64_t value, char out[VALUE_TEXT_MAX]);
void value_pattern(const struct config_key *key, char out[VALUE_TEXT_MAX]);

/* ---- walk.c: a YAML document against a table ------------------------------------------------- */
struct walk {
    const char *name;         /* of the source, for errors */
    bool lines;               /* whether the source has lines worth naming */
    char *error;              /* CONFIG_ERROR_MAX bytes */
    yaml_document_t document; /* of the parse in progress */
    size_t taken;             /* bytes of text taken from the document so far */
};

/* Writes "name:line: text" (no line without a mark or without lines) and returns ERR_INVALID. */
int walk_fail(struct walk *walk, const yaml_mark_t *mark, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Applies YAML text to a struct (table) or to a single field (key); exactly one of both is given.
 * Whatever is named replaces what was there. */
int walk_table_text(struct walk *walk, const struct config_table *table, struct bytes text,
                    void *base);
int walk_key_text(struct walk *walk, const struct config_key *key, struct bytes text, void *field);

/* The line on which YAML text has the value of a dotted path, or of the part of the path it has,
 * and then *whole is false; 0: of none. */
size_t walk_line(struct bytes text, const char *path, bool *whole);

/* The defaults into a zeroed struct. */
void walk_defaults(const struct config_table *table, void *base);

/* NULL, or the first required key that is empty; path gets its dotted path. LIST entries were
 * checked when they were read. */
#define WALK_PATH_MAX 256
const struct config_key *walk_missing(const struct config_table *table, const void *base,
                                      char path[WALK_PATH_MAX]);

const struct config_key *walk_find(const struct config_table *table, const char *name, size_t len);

/* walk_fail() for a key the table does not have, with a guess at what was meant. */
int walk_unknown(struct walk *walk, const yaml_mark_t *mark, const struct config_table *table,
                 const char *name);

void walk_map_set(struct config_map *map, const char *key, const char *value);
void walk_field_free(const struct config_key *key, void *field);

#endif
