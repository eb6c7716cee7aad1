/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration file: either loaded and freed, or refused with a text and a zeroed
 * struct. The table has one key of every type.
 */
#include "common/config/config.h"

struct item {
    char *name;
    int64_t port;
    struct config_strings tags;
};

struct settings {
    char *name;
    bool enabled;
    int64_t count;
    int64_t timeout_us;
    int64_t bytes_max;
    int level;
    struct config_strings hosts;
    struct config_map keys;
    struct config_list items;
    struct item nested;
};

static const char *const levels[] = {"low", "high", NULL};

static const struct config_key item_keys[] = {
    CONFIG_STRING_REQUIRED("name", struct item, name),
    CONFIG_INT("port", struct item, port, "1", 1, 65535),
    CONFIG_STRINGS("tags", struct item, tags, false),
};
static const struct config_table item_table = CONFIG_TABLE(item_keys, struct item);

static const struct config_key keys[] = {
    CONFIG_STRING("name", struct settings, name, "x"),
    CONFIG_BOOL("enabled", struct settings, enabled, "true"),
    CONFIG_INT("count", struct settings, count, "0", INT64_MIN, INT64_MAX),
    CONFIG_DURATION("timeout", struct settings, timeout_us, "1s", 0, TIME_S(3600)),
    CONFIG_SIZE("bytes", struct settings, bytes_max, "1KiB", 0, INT64_MAX),
    CONFIG_CHOICE("level", struct settings, level, "high", levels),
    CONFIG_STRINGS("hosts", struct settings, hosts, false),
    CONFIG_MAP("keys", struct settings, keys, false),
    CONFIG_LIST("items", struct settings, items, &item_table, false),
    CONFIG_GROUP("nested", struct settings, nested, &item_table),
};
static const struct config_table table = CONFIG_TABLE(keys, struct settings);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const overrides[] = {"nested.name=n"};
    const struct config_source source = {.overrides = overrides, .override_count = 1};
    struct settings settings;
    char error[CONFIG_ERROR_MAX];
    int err = config_parse(&table, &source, "fuzz", (struct bytes){data, size}, &settings, error);
    if (err == 0) {
        assert(settings.name != NULL && settings.timeout_us <= TIME_S(3600));
        config_free(&table, &settings);
    } else {
        assert(error[0] != '\0');
    }
    assert(settings.name == NULL && settings.items.items == NULL);
    return 0;
}
