/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings from YAML, the environment and the command line into a struct, told by a table. Written
 * on libyaml's document API because every complaint must name the line (docs/decisions/0003).
 *
 *     struct settings { struct listen { char *address; int64_t port; } listen; };
 *
 *     static const struct config_key listen_keys[] = {
 *         CONFIG_STRING("address", struct listen, address, "0.0.0.0"),
 *         CONFIG_INT("port", struct listen, port, "7880", 1, 65535),
 *     };
 *     static const struct config_table listen_table = CONFIG_TABLE(listen_keys, struct listen);
 *     static const struct config_key keys[] = {
 *         CONFIG_GROUP("listen", struct settings, listen, &listen_table),
 *     };
 *     static const struct config_table table = CONFIG_TABLE(keys, struct settings);
 *
 * Precedence: command line > environment > file > default. A path is written "listen.port"; the
 * environment variable of that path is the prefix and "LISTEN_PORT". Variables that match no key
 * are ignored, since container platforms make up their own; an unknown key in the file or on the
 * command line is an error.
 *
 * Values: bool is true or false; integers are decimal; a duration is a number with us, ms, s, m or
 * h ("500ms", "30s"); a size is a number of bytes, or with KB, MB, GB (1000) or KiB, MiB, GiB.
 */
#ifndef COMMON_CONFIG_CONFIG_H
#define COMMON_CONFIG_CONFIG_H

#include "common/base/base.h"

#include <stdio.h>

#define CONFIG_FILE_MAX  (256 * 1024) /* bytes of a file */
#define CONFIG_ITEMS_MAX 1024         /* entries of one list or map */
#define CONFIG_ERROR_MAX 512          /* bytes of an error text, NUL included */

enum config_type {
    CONFIG_TYPE_STRING,   /* char *, never NULL after loading */
    CONFIG_TYPE_BOOL,     /* bool */
    CONFIG_TYPE_INT,      /* int64_t */
    CONFIG_TYPE_DURATION, /* int64_t, microseconds; min and max too */
    CONFIG_TYPE_SIZE,     /* int64_t, bytes */
    CONFIG_TYPE_CHOICE,   /* int: the index of the word in choices */
    CONFIG_TYPE_STRINGS,  /* struct config_strings: a YAML list of scalars */
    CONFIG_TYPE_MAP,      /* struct config_map: a YAML map of scalars */
    CONFIG_TYPE_GROUP,    /* a struct of its own table, embedded */
    CONFIG_TYPE_LIST,     /* struct config_list: a YAML list of maps, each by the same table */
};

struct config_strings {
    char **items;
    size_t count;
};
struct config_pair {
    char *key;
    char *value;
};
struct config_map {
    struct config_pair *items; /* in the order of the file */
    size_t count;
};
struct config_list {
    void *items; /* count structs of table->size bytes */
    size_t count;
};

struct config_key {
    const char *name;
    enum config_type type;
    size_t offset;        /* of the field in its struct */
    const char *fallback; /* default, written as in the file; NULL: zero, empty */
    int64_t min;          /* INT, DURATION, SIZE; inclusive */
    int64_t max;
    const char *const *choices;       /* CHOICE: words, NULL-terminated */
    const struct config_table *table; /* GROUP, LIST */
    bool required;                    /* STRING, STRINGS, MAP, LIST: must not be empty in the end */
    bool secret;                      /* STRING, MAP: config_show() does not tell the values */
};

struct config_table {
    const struct config_key *keys;
    size_t count;
    size_t size; /* of the struct it describes */
};

/* One row of a table each. A field of the wrong C type does not compile. */
#define CONFIG_FIELD(s, f, c_type) _Generic(((s *)0)->f, c_type : offsetof(s, f))

#define CONFIG_STRING(key, s, f, def)                                                              \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_STRING, .offset = CONFIG_FIELD(s, f, char *),           \
        .fallback = (def)                                                                          \
    }
#define CONFIG_STRING_REQUIRED(key, s, f)                                                          \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_STRING, .offset = CONFIG_FIELD(s, f, char *),           \
        .required = true                                                                           \
    }
#define CONFIG_SECRET(key, s, f)                                                                   \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_STRING, .offset = CONFIG_FIELD(s, f, char *),           \
        .fallback = "", .secret = true                                                             \
    }
#define CONFIG_BOOL(key, s, f, def)                                                                \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_BOOL, .offset = CONFIG_FIELD(s, f, bool),               \
        .fallback = (def)                                                                          \
    }
#define CONFIG_INT(key, s, f, def, lowest, highest)                                                \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_INT, .offset = CONFIG_FIELD(s, f, int64_t),             \
        .fallback = (def), .min = (lowest), .max = (highest)                                       \
    }
#define CONFIG_DURATION(key, s, f, def, lowest, highest)                                           \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_DURATION, .offset = CONFIG_FIELD(s, f, int64_t),        \
        .fallback = (def), .min = (lowest), .max = (highest)                                       \
    }
#define CONFIG_SIZE(key, s, f, def, lowest, highest)                                               \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_SIZE, .offset = CONFIG_FIELD(s, f, int64_t),            \
        .fallback = (def), .min = (lowest), .max = (highest)                                       \
    }
#define CONFIG_CHOICE(key, s, f, def, words)                                                       \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_CHOICE, .offset = CONFIG_FIELD(s, f, int),              \
        .fallback = (def), .choices = (words)                                                      \
    }
#define CONFIG_STRINGS(key, s, f, must)                                                            \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_STRINGS,                                                \
        .offset = CONFIG_FIELD(s, f, struct config_strings), .required = (must)                    \
    }
#define CONFIG_MAP(key, s, f, must)                                                                \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_MAP, .offset = CONFIG_FIELD(s, f, struct config_map),   \
        .required = (must)                                                                         \
    }
#define CONFIG_SECRETS(key, s, f, must)                                                            \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_MAP, .offset = CONFIG_FIELD(s, f, struct config_map),   \
        .required = (must), .secret = true                                                         \
    }
#define CONFIG_GROUP(key, s, f, sub)                                                               \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_GROUP, .offset = offsetof(s, f), .table = (sub)         \
    }
#define CONFIG_LIST(key, s, f, sub, must)                                                          \
    {                                                                                              \
        .name = (key), .type = CONFIG_TYPE_LIST, .offset = CONFIG_FIELD(s, f, struct config_list), \
        .table = (sub), .required = (must)                                                         \
    }
#define CONFIG_TABLE(rows, s)                                                                      \
    {                                                                                              \
        .keys = (rows), .count = ARRAY_LEN(rows), .size = sizeof(s)                                \
    }

/* Where settings come from. Everything is borrowed for the call. */
struct config_source {
    const char *path;             /* file to read; NULL: none */
    const char *env_prefix;       /* "SPILLWAY_"; NULL: no environment */
    char **env;                   /* environ, or a test's own */
    const char *const *overrides; /* "a.b=c" from the command line, later ones win */
    size_t override_count;
};

/* Fills out (table->size bytes, whatever it held before) from every source. On success the caller
 * frees it with config_free(). On failure out is zeroed, nothing is to be freed, and error says
 * what is wrong and where ("spillway.yaml:12: unknown key 'lisen' (did you mean 'listen'?)"): print
 * it and exit with status 2. ERR_IO: the file can not be read; ERR_TOO_BIG: it exceeds
 * CONFIG_FILE_MAX; ERR_INVALID: anything it says. */
int config_load(const struct config_table *table, const struct config_source *source, void *out,
                char error[CONFIG_ERROR_MAX]) MUST_CHECK;

/* The same from bytes in memory instead of source->path; name stands for the file in errors. */
int config_parse(const struct config_table *table, const struct config_source *source,
                 const char *name, struct bytes text, void *out,
                 char error[CONFIG_ERROR_MAX]) MUST_CHECK;

/* A complaint about a value that its table lets pass, in the form of those above: source is what
 * config_load() was given, key the dotted path ("peers.0.url" in a list), and error gets where the
 * value comes from, the key, and text ("spillway.yaml:12: media.ip: not an address"). Returns
 * ERR_INVALID. */
int config_complain(const struct config_source *source, const char *key, const char *text,
                    char error[CONFIG_ERROR_MAX]);

/* Calls each for every setting: its dotted path, its value as it could be written in the file, and
 * where it comes from; as config_show() says. The texts are borrowed for the call. */
struct config_shown {
    const char *path, *value, *origin;
};
void config_each(const struct config_table *table, const struct config_source *source,
                 const void *settings, void (*each)(void *arg, const struct config_shown *shown),
                 void *arg);

/* A line for each setting: its dotted path, its value as it could be written in the file, and where
 * it comes from: "command line", the name of a variable, "spillway.yaml:12", or "default". source
 * is what config_load() was given. Secrets are "***". */
void config_show(const struct config_table *table, const struct config_source *source,
                 const void *settings, FILE *out);

/* The settings as a JSON Schema (draft 7), for editors and whatever writes files of settings: of
 * each its type, default and range, the variable that sets it (x-variable), whether it is a secret
 * (writeOnly), and, in a setting's own words, what a schema has none for (x-type, x-minimum,
 * x-maximum). x-required is not "required": what a file leaves out may come from elsewhere. */
void config_schema(const struct config_table *table, const char *title, const char *env_prefix,
                   FILE *out);

/* Frees what out's fields point at, and zeroes it. */
void config_free(const struct config_table *table, void *out);

/* Whether text can name a region or a zone: 1 to 32 of a-z, 0-9 and '-'. */
bool config_is_label(const char *text);

/* The value of a key of a map, or NULL. Borrowed. */
const char *config_map_get(const struct config_map *map, const char *key);

#endif
