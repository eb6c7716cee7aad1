/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every source of a setting reaches its field in the right order of precedence, and whatever
 * is wrong is refused with the place and the reason, leaving nothing allocated.
 */
#include "common/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

struct peer {
    char *url;
    char *key;
    int64_t weight;
};

struct listen {
    char *address;
    int64_t port;
};

struct settings {
    char *name;
    struct listen listen;
    bool enabled;
    int64_t timeout_us;
    int64_t bytes_max;
    int level;
    struct config_strings hosts;
    struct config_map keys;
    struct config_list peers;
};

static const char *const levels[] = {"low", "middle", "high", NULL};

static const struct config_key peer_keys[] = {
    CONFIG_STRING_REQUIRED("url", struct peer, url),
    CONFIG_SECRET("key", struct peer, key),
    CONFIG_INT("weight", struct peer, weight, "10", -5, 100),
};
static const struct config_table peer_table = CONFIG_TABLE(peer_keys, struct peer);

static const struct config_key listen_keys[] = {
    CONFIG_STRING("address", struct listen, address, "0.0.0.0"),
    CONFIG_INT("port", struct listen, port, "7880", 1, 65535),
};
static const struct config_table listen_table = CONFIG_TABLE(listen_keys, struct listen);

static const struct config_key keys[] = {
    CONFIG_STRING_REQUIRED("name", struct settings, name),
    CONFIG_GROUP("listen", struct settings, listen, &listen_table),
    CONFIG_BOOL("enabled", struct settings, enabled, "true"),
    CONFIG_DURATION("timeout", struct settings, timeout_us, "30s", TIME_MS(200), TIME_S(3600)),
    CONFIG_SIZE("bytes-max", struct settings, bytes_max, "64KiB", 1, 1 << 30),
    CONFIG_CHOICE("level", struct settings, level, "middle", levels),
    CONFIG_STRINGS("hosts", struct settings, hosts, false),
    CONFIG_SECRETS("keys", struct settings, keys, false),
    CONFIG_LIST("peers", struct settings, peers, &peer_table, false),
};
static const struct config_table table = CONFIG_TABLE(keys, struct settings);

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static int parse(const char *text, struct settings *out, char error[CONFIG_ERROR_MAX])
{
    return config_parse(&table, &(struct config_source){0}, "f.yaml", bytes_of(text), out, error);
}

static void test_labels(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "eu-west-1", "0", "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const bad[] = {
        "",   "EU",       "eu west", "eu_west",
        "e.", "\xc3\xa9", "a/b",     "abcdefghijklmnopqrstuvwxyz0123456"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(config_is_label(good[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(config_is_label(bad[i]));
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct settings s;
    char error[CONFIG_ERROR_MAX];
    assert_int_equal(parse("name: n\n", &s, error), 0);
    assert_string_equal(s.name, "n");
    assert_string_equal(s.listen.address, "0.0.0.0");
    assert_int_equal(s.listen.port, 7880);
    assert_true(s.enabled);
    assert_int_equal(s.timeout_us, TIME_S(30));
    assert_int_equal(s.bytes_max, 65536);
    assert_int_equal(s.level, 1);
    assert_int_equal(s.hosts.count + s.keys.count + s.peers.count, 0);
    config_free(&table, &s);
    assert_null(s.name);
}

static void test_every_type(void **state)
{
    (void)state;
    struct settings s;
    char error[CONFIG_ERROR_MAX];
    int err = parse("# a comment\n"
                    "name: \"two words\"\n"
                    "listen: {address: '::1', port: 80}\n"
                    "enabled: false\n"
                    "timeout: 500ms\n"
                    "bytes-max: 2MB\n"
                    "level: high\n"
                    "hosts: [a, b]\n"
                    "keys:\n"
                    "  devkey: secret\n"
                    "  other: 'x: y'\n"
                    "peers:\n"
                    "  - url: u1\n"
                    "    weight: -5\n"
                    "  - {url: u2, key: k2}\n",
                    &s, error);
    assert_int_equal(err, 0);
    assert_string_equal(s.name, "two words");
    assert_string_equal(s.listen.address, "::1");
    assert_int_equal(s.listen.port, 80);
    assert_false(s.enabled);
    assert_int_equal(s.timeout_us, TIME_MS(500));
    assert_int_equal(s.bytes_max, 2000000);
    assert_int_equal(s.level, 2);
    assert_int_equal(s.hosts.count, 2);
    assert_string_equal(s.hosts.items[1], "b");
    assert_string_equal(config_map_get(&s.keys, "devkey"), "secret");
    assert_string_equal(config_map_get(&s.keys, "other"), "x: y");
    assert_null(config_map_get(&s.keys, "none"));
    const struct peer *peers = s.peers.items;
    assert_int_equal(s.peers.count, 2);
    assert_int_equal(peers[0].weight, -5);
    assert_string_equal(peers[0].key, "");
    assert_string_equal(peers[1].key, "k2");
    assert_int_equal(peers[1].weight, 10);
    config_free(&table, &s);
}

static void test_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } vectors[] = {
        {"name: n\nlisen:\n  port: 1\n", "f.yaml:2: unknown key 'lisen' (did you mean 'listen'?)"},
        {"name: n\nlisten:\n  prt: 1\n", "f.yaml:3: unknown key 'prt' (did you mean 'port'?)"},
        {"name: n\nwhatever: 1\n", "f.yaml:2: unknown key 'whatever'"},
        {"listen:\n  port: 0\n", "f.yaml:2: port: '0' is not a whole number from 1 to 65535"},
        {"listen:\n  port: 80x\n", "f.yaml:2: port: '80x' is not a whole number from 1 to 65535"},
        {"listen:\n  port: 99999999999999999999\n",
         "f.yaml:2: port: '99999999999999999999' is not a whole number from 1 to 65535"},
        {"listen:\n  port:\n", "f.yaml:2: port: '' is not a whole number from 1 to 65535"},
        {"listen:\n  port: [1]\n", "f.yaml:2: port: expected a single value"},
        {"listen: 7\n", "f.yaml:1: expected keys and values"},
        {"\nenabled: yes\n", "f.yaml:2: enabled: 'yes' is not true or false"},
        {"timeout: 30\n", "f.yaml:1: timeout: '30' is not a duration from 200ms to 1h"},
        {"timeout: 0\n", "f.yaml:1: timeout: '0' is not a duration from 200ms to 1h"},
        {"bytes-max: 4TB\n", "f.yaml:1: bytes-max: '4TB' is not a size from 1 to 1GiB"},
        {"level: loud\n", "f.yaml:1: level: 'loud' is not one of low, middle, high"},
        {"hosts: a\n", "f.yaml:1: hosts: expected a list"},
        {"hosts: [a, {b: c}]\n", "f.yaml:1: hosts: expected a single value"},
        {"keys: [a]\n", "f.yaml:1: keys: expected a map"},
        {"keys:\n  a: 1\n  a: 2\n", "f.yaml:3: keys: 'a' is there twice"},
        {"peers: {url: a}\n", "f.yaml:1: peers: expected a list"},
        {"peers:\n  - url: a\n  - key: b\n", "f.yaml:3: peers: 'url' is missing"},
        {"name: a\nenabled: true\nname: b\n", "f.yaml:3: key 'name' is there twice"},
        {"name: \"a\\0b\"\n", "f.yaml:1: name: a NUL character can not be used"},
        {"enabled: true\n", "f.yaml: 'name' is missing"},
        {"", "f.yaml: 'name' is missing"},
        {"name: a\n---\nname: b\n", "f.yaml:2: only one document may be in a file"},
        {"name: a\n  b: c\n", "f.yaml:2: no valid YAML: mapping values are not allowed in this "
                              "context"},
        {"name: [a\n", "f.yaml:2: no valid YAML: did not find expected ',' or ']'"},
        {"- a\n", "f.yaml:1: expected keys and values"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct settings s;
        char error[CONFIG_ERROR_MAX];
        assert_int_equal(parse(vectors[i].text, &s, error), ERR_INVALID);
        assert_string_equal(error, vectors[i].error);
        assert_null(s.name); /* freed and zeroed; a leak would fail under ASan */
    }
}

/* Flag over environment over file over default, each for its own key. */
static void test_precedence(void **state)
{
    (void)state;
    char *env[] = {"PATH=/bin",           "SW_LISTEN_PORT=2",           "SW_LISTEN_ADDRESS=env",
                   "SW_BYTES_MAX=3",      "SW_LISTEN_SERVICE_PORT=9",   "SW_HOSTS=[x, y, z]",
                   "SW_LISTEN_PORT_X=no", "SW_PEERS=[{url: from env}]", NULL};
    const char *const overrides[] = {"listen.port=3", "keys.new=a=b: c", "keys.old=replaced",
                                     "enabled=false", "listen.port=4"};
    const struct config_source source = {.env_prefix = "SW_",
                                         .env = env,
                                         .overrides = overrides,
                                         .override_count = ARRAY_LEN(overrides)};
    struct settings s;
    char error[CONFIG_ERROR_MAX];
    const char *text = "name: file\nlisten: {port: 1, address: file}\nkeys: {old: o, kept: k}\n"
                       "hosts: [one]\nlevel: low\n";
    assert_int_equal(config_parse(&table, &source, "f", bytes_of(text), &s, error), 0);
    assert_string_equal(s.name, "file");
    assert_string_equal(s.listen.address, "env");
    assert_int_equal(s.listen.port, 4);
    assert_false(s.enabled);
    assert_int_equal(s.bytes_max, 3);
    assert_int_equal(s.level, 0);
    assert_int_equal(s.timeout_us, TIME_S(30));
    assert_int_equal(s.hosts.count, 3);
    assert_int_equal(s.peers.count, 1);
    assert_string_equal(((struct peer *)s.peers.items)[0].url, "from env");
    assert_int_equal(s.keys.count, 3);
    assert_string_equal(config_map_get(&s.keys, "old"), "replaced");
    assert_string_equal(config_map_get(&s.keys, "kept"), "k");
    assert_string_equal(config_map_get(&s.keys, "new"), "a=b: c");
    config_free(&table, &s);
}

static void test_bad_overrides(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } vectors[] = {
        {"listen.port", "setting listen.port: expected KEY=VALUE"},
        {"listen.prt=1", "setting listen.prt: unknown key 'prt' (did you mean 'port'?)"},
        {"name.x=1", "setting name.x: 'name' has no keys of its own"},
        {"=1", "setting : unknown key ''"},
        {"listen.port=x", "setting listen.port: port: 'x' is not a whole number from 1 to 65535"},
        {"hosts=[a", "setting hosts: no valid YAML: did not find expected ',' or ']'"},
        {"name=", "f: 'name' is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct config_source source = {.overrides = &vectors[i].text, .override_count = 1};
        struct settings s;
        char error[CONFIG_ERROR_MAX];
        assert_int_equal(config_parse(&table, &source, "f", bytes_of("name: n"), &s, error),
                         ERR_INVALID);
        assert_string_equal(error, vectors[i].error);
    }
    char *env[] = {"SW_LEVEL=loud", NULL};
    const struct config_source source = {.env_prefix = "SW_", .env = env};
    struct settings s;
    char error[CONFIG_ERROR_MAX];
    assert_int_equal(config_parse(&table, &source, "f", bytes_of("name: n"), &s, error),
                     ERR_INVALID);
    assert_string_equal(error, "SW_LEVEL: level: 'loud' is not one of low, middle, high");
}

/* Aliases work, but may not blow a small file up, and a cycle ends. */
static void test_aliases(void **state)
{
    (void)state;
    struct settings s;
    char error[CONFIG_ERROR_MAX];
    assert_int_equal(parse("name: &n x\nhosts: [*n, *n]\n", &s, error), 0);
    assert_string_equal(s.hosts.items[1], "x");
    config_free(&table, &s);

    assert_int_equal(parse("name: n\nhosts: &h [a, *h]\n", &s, error), ERR_INVALID);

    static char text[64 * 1024];
    size_t len = (size_t)snprintf(text, sizeof(text), "hosts: [&l '%01000d'", 0);
    for (int i = 0; i < 300; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, ", *l");
    }
    snprintf(text + len, sizeof(text) - len, "]\n");
    assert_int_equal(parse(text, &s, error), ERR_INVALID);
    assert_string_equal(error, "f.yaml:1: hosts: aliases make this larger than 262144 bytes");
}

static void test_files(void **state)
{
    (void)state;
    struct settings s;
    char error[CONFIG_ERROR_MAX];
    struct config_source source = {.path = "/nonexistent/f.yaml"};
    assert_int_equal(config_load(&table, &source, &s, error), ERR_IO);
    assert_string_equal(error, "/nonexistent/f.yaml: No such file or directory");
    source.path = "/";
    assert_int_equal(config_load(&table, &source, &s, error), ERR_IO);

    char path[] = "/tmp/config_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "name: f\n", 8), 8);
    source.path = path;
    assert_int_equal(config_load(&table, &source, &s, error), 0);
    assert_string_equal(s.name, "f");
    config_free(&table, &s);
    assert_int_equal(ftruncate(fd, CONFIG_FILE_MAX + 1), 0);
    assert_int_equal(config_load(&table, &source, &s, error), ERR_TOO_BIG);
    close(fd);
    unlink(path);

    source.path = NULL;
    assert_int_equal(config_load(&table, &source, &s, error), ERR_INVALID);
    assert_string_equal(error, "configuration: 'name' is missing");
}

#define TEMPLATE "/tmp/config_test_XXXXXX"

/* A file with the text; its name is written over the template. */
static void make_file(char path[sizeof(TEMPLATE)], const char *text)
{
    memcpy(path, TEMPLATE, sizeof(TEMPLATE));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* What config_show() says, the name of the file as "f"; to be freed. */
static char *shown(const struct config_source *source)
{
    struct settings settings;
    char error[CONFIG_ERROR_MAX];
    char *text = NULL;
    size_t size;
    assert_int_equal(config_load(&table, source, &settings, error), 0);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_show(&table, source, &settings, out);
    fclose(out);
    config_free(&table, &settings);
    for (char *at = strstr(text, source->path); at != NULL; at = strstr(at, source->path)) {
        at[0] = 'f';
        memmove(at + 1, at + strlen(source->path), strlen(at + strlen(source->path)) + 1);
    }
    return text;
}

/* Each setting with the source that won, however it was given; no secret among them. */
static void test_show(void **state)
{
    (void)state;
    char path[sizeof(TEMPLATE)];
    make_file(path, "name: n\n"
                    "listen:\n"
                    "  port: 1\n"
                    "timeout: 90000ms\n"
                    "hosts: [a, '', c]\n"
                    "keys: {devkey: hush, other: ''}\n"
                    "peers:\n"
                    "- url: u\n"
                    "  key: hush\n"
                    "- url: v\n");
    struct config_source source = {.path = path};
    char *text = shown(&source);
    assert_string_equal(text,
                        "name                         n                            f:1\n"
                        "listen.address               0.0.0.0                      default\n"
                        "listen.port                  1                            f:3\n"
                        "enabled                      true                         default\n"
                        "timeout                      90s                          f:4\n"
                        "bytes-max                    64KiB                        default\n"
                        "level                        middle                       default\n"
                        "hosts                        [a, \"\", c]                   f:5\n"
                        "keys                         {devkey: ***, other: \"\"}     f:6\n"
                        "peers.0.url                  u                            f:8\n"
                        "peers.0.key                  ***                          f:9\n"
                        "peers.0.weight               10                           default\n"
                        "peers.1.url                  v                            f:10\n"
                        "peers.1.key                  \"\"                           default\n"
                        "peers.1.weight               10                           default\n");
    free(text);
    const char *overrides[] = {"listen={address: 1.2.3.4}", "keys.devkey=new", "bytes-max=1000"};
    source.overrides = overrides;
    source.override_count = ARRAY_LEN(overrides);
    source.env_prefix = "T_";
    source.env = (char *[]){"T_PEERS=[{url: w}]", "T_LISTEN_PORT=2", "T_TIMEOUT=1500ms", NULL};
    text = shown(&source);
    assert_string_equal(text,
                        "name                         n                            f:1\n"
                        "listen.address               1.2.3.4                      command line\n"
                        "listen.port                  2                            T_LISTEN_PORT\n"
                        "enabled                      true                         default\n"
                        "timeout                      1500ms                       T_TIMEOUT\n"
                        "bytes-max                    1KB                          command line\n"
                        "level                        middle                       default\n"
                        "hosts                        [a, \"\", c]                   f:5\n"
                        "keys                         {devkey: ***, other: \"\"}     command line\n"
                        "peers.0.url                  w                            T_PEERS\n"
                        "peers.0.key                  \"\"                           T_PEERS\n"
                        "peers.0.weight               10                           T_PEERS\n");
    free(text);
    unlink(path);
}

/* Every type, with what a reader of the schema can know of it. */
static void test_schema(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_schema(&table, "a program", "T_", out);
    fclose(out);
    assert_string_equal(
        text,
        "{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"title\": \"a program\", "
        "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\n"
        "  \"name\": {\"type\": \"string\", \"x-required\": true, \"x-variable\": \"T_NAME\"},\n"
        "  \"listen\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\n"
        "    \"address\": {\"type\": \"string\", \"default\": \"0.0.0.0\", "
        "\"x-variable\": \"T_LISTEN_ADDRESS\"},\n"
        "    \"port\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535, "
        "\"default\": 7880, \"x-variable\": \"T_LISTEN_PORT\"}}},\n"
        "  \"enabled\": {\"type\": \"boolean\", \"default\": true, "
        "\"x-variable\": \"T_ENABLED\"},\n"
        "  \"timeout\": {\"type\": [\"string\", \"integer\"], \"x-type\": \"duration\", "
        "\"pattern\": \"^0$|^[0-9]+(us|ms|s|m|h)$\", \"x-minimum\": \"200ms\", "
        "\"x-maximum\": \"1h\", \"default\": \"30s\", \"x-variable\": \"T_TIMEOUT\"},\n"
        "  \"bytes-max\": {\"type\": [\"string\", \"integer\"], \"x-type\": \"size\", "
        "\"pattern\": \"^0$|^[0-9]+(|KB|KiB|MB|MiB|GB|GiB)$\", \"x-minimum\": \"1\", "
        "\"x-maximum\": \"1GiB\", \"default\": \"64KiB\", \"x-variable\": \"T_BYTES_MAX\"},\n"
        "  \"level\": {\"enum\": [\"low\", \"middle\", \"high\"], \"default\": \"middle\", "
        "\"x-variable\": \"T_LEVEL\"},\n"
        "  \"hosts\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, "
        "\"x-variable\": \"T_HOSTS\"},\n"
        "  \"keys\": {\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}, "
        "\"writeOnly\": true, \"x-variable\": \"T_KEYS\"},\n"
        "  \"peers\": {\"type\": \"array\", \"items\": {\"type\": \"object\", "
        "\"additionalProperties\": false, \"properties\": {\n"
        "    \"url\": {\"type\": \"string\", \"x-required\": true},\n"
        "    \"key\": {\"type\": \"string\", \"default\": \"\", \"writeOnly\": true},\n"
        "    \"weight\": {\"type\": \"integer\", \"minimum\": -5, \"maximum\": 100, "
        "\"default\": 10}}}, \"x-variable\": \"T_PEERS\"}}}\n");
    free(text);
}

static void test_complaints_name_the_source(void **state)
{
    (void)state;
    char path[sizeof(TEMPLATE)];
    make_file(path, "name: f\nlisten:\n  port: 1\n  address: nowhere\npeers:\n- url: u\n");
    static const struct {
        const char *key;
        int line; /* 0: not in the file */
    } cases[] = {{"name", 1},        {"listen.address", 4}, {"listen.mtu", 3},
                 {"peers.0.url", 6}, {"peers.1.url", 6},    {"hosts", 0}};
    const char *overrides[] = {"listen.port=2", "keys.a=b"};
    char *env[] = {"T_LISTEN_ADDRESS=nowhere", NULL};
    struct config_source source = {.path = path, .env_prefix = "T_", .env = (char *[]){NULL}};
    char error[CONFIG_ERROR_MAX];
    char expected[128];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[16] = "";
        if (cases[i].line > 0) {
            snprintf(line, sizeof(line), ":%d", cases[i].line);
        }
        snprintf(expected, sizeof(expected), "%s%s: %s: wrong", path, line, cases[i].key);
        assert_int_equal(config_complain(&source, cases[i].key, "wrong", error), ERR_INVALID);
        assert_string_equal(error, expected);
    }
    source.env = env;
    assert_int_equal(config_complain(&source, "listen.address", "wrong", error), ERR_INVALID);
    assert_string_equal(error, "T_LISTEN_ADDRESS: listen.address: wrong");
    source.overrides = overrides;
    source.override_count = ARRAY_LEN(overrides);
    assert_int_equal(config_complain(&source, "listen.port", "wrong", error), ERR_INVALID);
    assert_string_equal(error, "command line: listen.port: wrong");
    assert_int_equal(config_complain(&source, "keys", "wrong", error), ERR_INVALID);
    assert_string_equal(error, "command line: keys: wrong");
    unlink(path);
    source = (struct config_source){0};
    assert_int_equal(config_complain(&source, "name", "wrong", error), ERR_INVALID);
    assert_string_equal(error, "configuration: name: wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_errors_name_the_line),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_bad_overrides),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_complaints_name_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
