/* SPDX-License-Identifier: Apache-2.0
 *
 * spillway-load: a room full of participants in one process. Exit status: 0 everybody got
 * everything, 1 somebody did not, 2 the arguments are wrong.
 */
#include "tests/bench/load/load.h"
#include "tests/bench/load/report.h"
#include "tests/bench/load/source.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define STATUS_FAILED 1
#define STATUS_USAGE  2
#define TILE_MAX      16384 /* pixels each way */

static const char usage[] =
    "Usage: spillway-load --room ROOM [options]\n"
    "\n"
    "Joins a room as LiveKit's SDKs do, with many participants, and checks that every receiver\n"
    "gets every packet that every publisher sends.\n"
    "\n"
    "  --url ws://HOST:PORT   of an orchestrator; several are taken in turn\n"
    "                         (default ws://127.0.0.1:7880)\n"
    "  --key K, --secret S    of the API (default devkey, secret)\n"
    "  --publisher-url URL    where publishers go, if not there; several are taken in turn\n"
    "  --publishers N         0 to 64 (default 1); 0: another run's are there already\n"
    "  --receivers N          0 to 5000 (default 1)\n"
    "  --audio, --video       what is published and expected (default both)\n"
    "  --layers N             of the video's simulcast, 1 to 3 (default 3)\n"
    "  --quality Q            low, medium or high: what receivers ask for (default high)\n"
    "  --tile WxH             ... or the size they show the video in\n"
    "  --settle MS            from when everybody gets everything until it is measured\n"
    "                         (default 0)\n"
    "  --seconds S            measured once everybody gets everything, up to 86400 (default 10)\n"
    "  --join-rate N          participants a second, 1 to 1000 (default 50)\n"
    "  --ice-tick MS          a candidate that comes late is checked after up to so long, as\n"
    "                         Chromium does with 330 (default 0: at once)\n"
    "  --loss PERMILLE        of media packets that get lost each way, by chance (default 0);\n"
    "                         video should be repaired by NACK and RTX\n"
    "  --lost-max N           packets of a track a receiver may miss (default 0)\n"
    "  --pause-max MS         longest pause of a track that is fine (default: any)\n"
    "  --identity PREFIX      of participants, for several runs in a room (default load)\n"
    "  --cluster FILE         a cluster.json: report the CPU time of its processes\n"
    "  --progress             name the stages of the run on standard error\n"
    "  -o json                print JSON instead of a table\n";

struct options {
    struct load_config config;
    bool json;
};

_Noreturn static void refuse(const char *format, ...) PRINTF_LIKE(1, 2);
_Noreturn static void refuse(const char *format, ...)
{
    va_list args;
    fputs("spillway-load: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; --help tells more\n", stderr);
    exit(STATUS_USAGE);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static unsigned long read_number(const char *name, const char *text, unsigned long min,
                                 unsigned long max)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
        value > max) {
        refuse("--%s: %s is no number from %lu to %lu", name, text, min, max);
    }
    return value;
}

static void add_server(struct sockaddr_in servers[LOAD_SERVERS_MAX], size_t *server_count,
                       const char *url)
{
    char host[256];
    char port[8];
    char rest[2];
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int count = sscanf(url, "ws://%255[^:/]:%7[0-9]%1[^/]", host, port, rest);
    if (count != 2) {
        refuse("--url: %s is not ws://HOST:PORT", url);
    }
    if (*server_count == LOAD_SERVERS_MAX) {
        refuse("--url: more than %d", LOAD_SERVERS_MAX);
    }
    (void)read_number("url", port, 1, UINT16_MAX);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        refuse("--url: %s is no host with an IPv4 address", host);
    }
    memcpy(&servers[(*server_count)++], found->ai_addr, sizeof(struct sockaddr_in));
    freeaddrinfo(found);
}

static int read_quality(const char *text)
{
    static const char *const names[] = {"low", "medium", "high"};
    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    refuse("--quality: %s is not low, medium or high", text);
}

static void read_tile(struct load_config *config, const char *text)
{
    char width[6];
    char height[6];
    char rest;
    if (sscanf(text, "%5[0-9]x%5[0-9]%c", width, height, &rest) != 2) {
        refuse("--tile: %s is not WIDTHxHEIGHT", text);
    }
    config->tile_width = (uint32_t)read_number("tile", width, 1, TILE_MAX);
    config->tile_height = (uint32_t)read_number("tile", height, 1, TILE_MAX);
}

static bool read_output(const char *text)
{
    if (strcmp(text, "json") != 0 && strcmp(text, "table") != 0) {
        refuse("-o: %s is not json or table", text);
    }
    return strcmp(text, "json") == 0;
}

static const char *read_name(const char *name, const char *text, size_t max)
{
    if (text[0] == '\0' || strlen(text) > max) {
        refuse("--%s: 1 to %zu bytes", name, max);
    }
    return text;
}

/* The processes of a cluster, as deploy/cluster.py tells them. */
static void add_processes(struct load_config *config, const char *path)
{
    json_error_t error;
    json_t *row;
    size_t i;
    json_t *file = json_load_file(path, 0, &error);
    const json_t *rows = json_object_get(file, "processes");
    if (!json_is_array(rows)) {
        refuse("--cluster: %s: %s", path, file == NULL ? error.text : "no list of processes");
    }
    json_array_foreach(rows, i, row)
    {
        const char *role = json_string_value(json_object_get(row, "role"));
        json_int_t pid = json_integer_value(json_object_get(row, "pid"));
        if (role == NULL || pid <= 0 || config->process_count == LOAD_PROCESSES_MAX) {
            refuse("--cluster: %s: a process without role or pid, or too many", path);
        }
        struct load_process *process = &config->processes[config->process_count++];
        snprintf(process->role, sizeof(process->role), "%s", role);
        process->pid = (pid_t)pid;
    }
    json_decref(file);
}

/* ---- Options --------------------------------------------------------------------------------- */

enum {
    OPTION_URL = 256,
    OPTION_PUBLISHER_URL,
    OPTION_KEY,
    OPTION_SECRET,
    OPTION_ROOM,
    OPTION_PUBLISHERS,
    OPTION_RECEIVERS,
    OPTION_AUDIO,
    OPTION_VIDEO,
    OPTION_LAYERS,
    OPTION_QUALITY,
    OPTION_TILE,
    OPTION_SETTLE,
    OPTION_SECONDS,
    OPTION_JOIN_RATE,
    OPTION_ICE_TICK,
    OPTION_LOSS,
    OPTION_LOST_MAX,
    OPTION_PAUSE_MAX,
    OPTION_IDENTITY,
    OPTION_CLUSTER,
    OPTION_OUTPUT,
    OPTION_PROGRESS,
    OPTION_HELP,
};

static const struct option names[] = {
    {"url", required_argument, NULL, OPTION_URL},
    {"publisher-url", required_argument, NULL, OPTION_PUBLISHER_URL},
    {"key", required_argument, NULL, OPTION_KEY},
    {"secret", required_argument, NULL, OPTION_SECRET},
    {"room", required_argument, NULL, OPTION_ROOM},
    {"publishers", required_argument, NULL, OPTION_PUBLISHERS},
    {"receivers", required_argument, NULL, OPTION_RECEIVERS},
    {"audio", no_argument, NULL, OPTION_AUDIO},
    {"video", no_argument, NULL, OPTION_VIDEO},
    {"layers", required_argument, NULL, OPTION_LAYERS},
    {"quality", required_argument, NULL, OPTION_QUALITY},
    {"tile", required_argument, NULL, OPTION_TILE},
    {"settle", required_argument, NULL, OPTION_SETTLE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"join-rate", required_argument, NULL, OPTION_JOIN_RATE},
    {"ice-tick", required_argument, NULL, OPTION_ICE_TICK},
    {"loss", required_argument, NULL, OPTION_LOSS},
    {"lost-max", required_argument, NULL, OPTION_LOST_MAX},
    {"pause-max", required_argument, NULL, OPTION_PAUSE_MAX},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"cluster", required_argument, NULL, OPTION_CLUSTER},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static void take_load_option(struct load_config *config, int option, const char *value)
{
    switch (option) {
    case OPTION_PUBLISHERS:
        config->publishers = read_number("publishers", value, 0, SCENE_PUBLISHERS_MAX);
        break;
    case OPTION_RECEIVERS:
        config->receivers = read_number("receivers", value, 0, LOAD_RECEIVERS_MAX);
        break;
    case OPTION_LAYERS:
        config->layers = read_number("layers", value, 1, SOURCE_LAYERS_MAX);
        break;
    case OPTION_QUALITY:
        config->quality = read_quality(value);
        break;
    case OPTION_TILE:
        read_tile(config, value);
        break;
    case OPTION_SETTLE:
        config->settle_us = TIME_MS(read_number("settle", value, 0, 600000));
        break;
    case OPTION_SECONDS:
        config->measure_us = TIME_S(read_number("seconds", value, 1, 86400));
        break;
    case OPTION_JOIN_RATE:
        config->join_rate = (unsigned)read_number("join-rate", value, 1, 1000);
        break;
    case OPTION_ICE_TICK:
        config->tick_us = TIME_MS(read_number("ice-tick", value, 0, 10000));
        break;
    case OPTION_LOSS:
        config->loss_permille = (unsigned)read_number("loss", value, 0, 500);
        break;
    case OPTION_LOST_MAX:
        config->lost_max = read_number("lost-max", value, 0, UINT32_MAX);
        break;
    case OPTION_PAUSE_MAX:
        config->gap_us_max = TIME_MS(read_number("pause-max", value, 1, 600000));
        break;
    default:
        unreachable();
    }
}

static void take_option(struct options *options, int option, const char *value)
{
    struct load_config *config = &options->config;
    switch (option) {
    case OPTION_URL:
        add_server(config->servers, &config->server_count, value);
        break;
    case OPTION_PUBLISHER_URL:
        add_server(config->publisher_servers, &config->publisher_server_count, value);
        break;
    case OPTION_KEY:
        config->key = read_name("key", value, 256);
        break;
    case OPTION_SECRET:
        config->secret = read_name("secret", value, 256);
        break;
    case OPTION_ROOM:
        config->room = read_name("room", value, 256);
        break;
    case OPTION_IDENTITY:
        config->prefix = read_name("identity", value, 32);
        break;
    case OPTION_CLUSTER:
        add_processes(config, value);
        break;
    case OPTION_OUTPUT:
    case 'o':
        options->json = read_output(value);
        break;
    case OPTION_PROGRESS:
        config->progress = stderr;
        break;
    case OPTION_HELP:
        fputs(usage, stdout);
        exit(0);
    case '?': /* getopt has said what is wrong */
        exit(STATUS_USAGE);
    default:
        take_load_option(config, option, value);
    }
}

static void read_options(struct options *options, int argc, char **argv)
{
    struct load_config *config = &options->config;
    bool audio = false;
    bool video = false;
    int option;
    while ((option = getopt_long(argc, argv, "o:", names, NULL)) != -1) {
        audio |= option == OPTION_AUDIO;
        video |= option == OPTION_VIDEO;
        if (option != OPTION_AUDIO && option != OPTION_VIDEO) {
            take_option(options, option, optarg);
        }
    }
    if (optind < argc) {
        refuse("%s: not an option", argv[optind]);
    }
    if (config->room == NULL) {
        refuse("--room is missing");
    }
    if (config->publishers + config->receivers == 0) {
        refuse("nobody is to join");
    }
    if (config->server_count == 0) {
        add_server(config->servers, &config->server_count, "ws://127.0.0.1:7880");
    }
    config->audio = audio || !video;
    config->layers = video || !audio ? config->layers : 0;
}

int main(int argc, char **argv)
{
    struct options options = {.config = {.key = "devkey",
                                         .secret = "secret",
                                         .prefix = "load",
                                         .publishers = 1,
                                         .receivers = 1,
                                         .layers = SOURCE_LAYERS_MAX,
                                         .quality = 2,
                                         .measure_us = TIME_S(10),
                                         .join_rate = 50}};
    read_options(&options, argc, argv);
    (void)signal(SIGPIPE, SIG_IGN);
    if (load_raise_limits(options.config.publishers + options.config.receivers) != 0) {
        fputs("spillway-load: too few files may be open for so many participants\n", stderr);
        return STATUS_FAILED;
    }
    struct load_result *result = load_run(&options.config);
    if (options.json) {
        report_json(result, stdout);
    } else {
        report_table(result, stdout);
    }
    int status = result->failed > 0 ? STATUS_FAILED : 0;
    free(result);
    return status;
}
