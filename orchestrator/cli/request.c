/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the admin API (docs/protocols/admin-api.md) through libcurl.
 *
 * Happy path: a 2xx with JSON. Failure modes, each a sentence on stderr and, unless another
 * orchestrator answers, an exit code: no connection (6), no answer in time (5), a status with
 * {"error", "message"} (by status), a status with another text, as proxies and orchestrators that
 * cannot reach a room's owner give, or an answer of something else that listens there (1).
 */
#include <curl/curl.h>
#include <stdlib.h>

#include "orchestrator/cli/cli.h"

#define ANSWER_MAX     ((size_t)64 << 20)
#define URL_MAX        4096
#define NAME_MAX_BYTES 1024
#define LINE_BYTES     256
#define CONNECT_S      3L /* where there is another one to ask */
#define UNAUTHORIZED   401

struct answer {
    char *text;
    size_t len;
};

/* A name as admin-api.md wants it within a path. */
static void encode(char *out, size_t cap, const char *name)
{
    size_t len = 0;
    for (const char *c = name; *c != '\0' && len + 4 <= cap; c++) {
        if (*c == '%' || *c == '/' || (*c == '.' && c == name)) {
            len += (size_t)snprintf(out + len, cap - len, "%%%02X", (unsigned char)*c);
        } else {
            out[len++] = *c;
        }
    }
    out[len] = '\0';
}

void cli_path(char *out, size_t cap, ...)
{
    va_list args;
    const char *segment;
    size_t len = 0;
    va_start(args, cap);
    out[0] = '\0';
    while ((segment = va_arg(args, const char *)) != NULL) {
        char name[NAME_MAX_BYTES];
        encode(name, sizeof(name), segment);
        char *escaped = curl_easy_escape(NULL, name, 0);
        int added = snprintf(out + len, cap - len, "%s%s", len == 0 ? "" : "/", escaped);
        curl_free(escaped);
        len = MIN(len + (size_t)added, cap - 1);
    }
    va_end(args);
}

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
    struct answer *answer = arg;
    size_t len = size * count;
    if (answer->len + len > ANSWER_MAX) {
        return 0;
    }
    answer->text = mem_grow(answer->text, answer->len + len + 1, 1);
    memcpy(answer->text + answer->len, bytes, len);
    answer->len += len;
    answer->text[answer->len] = '\0';
    return len;
}

/* Whether the request may have been read: by one that was connected to, TLS and all. */
static bool was_sent(CURL *easy)
{
    curl_off_t began_us = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &began_us);
    return began_us > 0;
}

static enum cli_exit exit_of_curl(CURLcode result, bool sent)
{
    switch (result) {
    case CURLE_OK:
        return CLI_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return sent ? CLI_TIMEOUT : CLI_UNREACHABLE;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return CLI_USAGE;
    case CURLE_WRITE_ERROR:
        return CLI_FAILED;
    default:
        return CLI_UNREACHABLE;
    }
}

static enum cli_exit exit_of_status(long status)
{
    switch (status) {
    case 400:
        return CLI_USAGE;
    case UNAUTHORIZED:
    case 403:
    case 409:
    case 412:
        return CLI_REFUSED;
    case 404:
        return CLI_NOT_FOUND;
    case 408:
    case 503:
    case 504:
        return CLI_TIMEOUT;
    default:
        return status >= 200 && status < 300 ? CLI_OK : CLI_FAILED;
    }
}

/* Of what is no orchestrator's word: only that counts for what is not there, or makes no sense. */
static enum cli_exit tell_other(const struct cli *cli, const char *server, long status,
                                const struct answer *answer)
{
    char line[LINE_BYTES] = "";
    char first[LINE_BYTES];
    size_t len = answer->text == NULL ? 0 : strcspn(answer->text, "\r\n");
    enum cli_exit exit_code = exit_of_status(status);
    if (len > 0 && len < sizeof(first) && answer->text[0] != '<' && answer->text[0] != '{') {
        snprintf(first, sizeof(first), "%.*s", (int)len, answer->text);
        cli_harmless(line, sizeof(line), first);
    }
    if (cli->hush != CLI_HUSH_ALL && exit_code == CLI_OK) {
        cli_say("%s does not answer like an orchestrator", server);
    } else if (cli->hush != CLI_HUSH_ALL) {
        cli_say("%s answered with status %ld%s%s", server, status, line[0] == '\0' ? "" : ": ",
                line);
    }
    bool word = exit_code == CLI_OK || exit_code == CLI_NOT_FOUND || exit_code == CLI_USAGE;
    return word ? CLI_FAILED : exit_code;
}

/* Judges an answer; on CLI_OK *out is its JSON. */
static enum cli_exit judge(const struct cli *cli, const char *server, long status,
                           const struct answer *answer, json_t **out)
{
    json_t *json = json_loadb(answer->text == NULL ? "" : answer->text, answer->len, 0, NULL);
    enum cli_exit exit_code = exit_of_status(status);
    if (exit_code == CLI_OK && json_is_object(json)) {
        *out = json;
        return CLI_OK;
    }
    const char *message = json_string_value(json_object_get(json, "message"));
    bool hushed = cli->hush == CLI_HUSH_ALL ||
                  (cli->hush == CLI_HUSH_NOT_FOUND && exit_code == CLI_NOT_FOUND);
    if (message == NULL || exit_code == CLI_OK) {
        exit_code = tell_other(cli, server, status, answer);
    } else if (!hushed) {
        cli_say("%s", message);
    }
    json_decref(json);
    return exit_code;
}

static struct curl_slist *headers_of(const char *token)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (token != NULL) {
        size_t size = strlen(token) + 32;
        char *line = mem_alloc(size);
        snprintf(line, size, "Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    return headers;
}

/* What to ask one orchestrator, and whether another may be asked after it. */
struct attempt {
    const char *server, *path;
    char *token; /* NULL: none */
    char *body;  /* JSON; NULL: reads */
    bool last;
    bool again; /* out */
};

/* A body that was sent may have been acted on. */
static bool may_ask_another(const struct attempt *attempt, enum cli_exit exit_code, bool sent,
                            long status)
{
    bool unreached = exit_code == CLI_UNREACHABLE || exit_code == CLI_TIMEOUT;
    bool failed = unreached || status == 502 || status == 503 || status == 504;
    return !attempt->last && (attempt->body == NULL ? failed : unreached && !sent);
}

static enum cli_exit try(const struct cli *cli, struct attempt *attempt, json_t **out)
{
    const char *server = attempt->server;
    char url[URL_MAX];
    char why[CURL_ERROR_SIZE] = "";
    struct answer answer = {0};
    struct curl_slist *headers = headers_of(attempt->token);
    long status = 0;
    size_t server_len = strlen(server);
    bool slash = server_len > 0 && server[server_len - 1] == '/';
    snprintf(url, sizeof(url), "%s%sadmin/v1/%s", server, slash ? "" : "/", attempt->path);

    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "spillctl/" SPILLWAY_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, cli->timeout_s);
    if (!attempt->last) {
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    if (attempt->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, attempt->body);
    }
    CURLcode result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    bool sent = was_sent(easy);
    enum cli_exit exit_code = exit_of_curl(result, sent);
    attempt->again = may_ask_another(attempt, exit_code, sent, status);
    if (exit_code == CLI_OK) {
        exit_code = judge(cli, server, status, &answer, out);
        if (status == UNAUTHORIZED && attempt->token == NULL && cli->hush != CLI_HUSH_ALL) {
            cli_say("a token is made of " CLI_KEY_SOURCES "; or give one (SPILLWAY_TOKEN, "
                    "--token-file)");
        }
    } else if (cli->hush != CLI_HUSH_ALL) {
        cli_say("%s: %s", server, why[0] != '\0' ? why : curl_easy_strerror(result));
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    free(answer.text);
    return exit_code;
}

/* Whoever answered last is asked first, so that one that hangs costs its time once. */
static size_t answering;

static enum cli_exit call(const struct cli *cli, const char *path, const json_t *body, json_t **out)
{
    struct cli_servers servers;
    char *token;
    if (!cli_servers_read(cli, &servers)) {
        return CLI_USAGE;
    }
    enum cli_exit exit_code = cli_admin_token(cli, &token);
    if (exit_code != CLI_OK) {
        cli_servers_free(&servers);
        return exit_code; /* without it nothing but a refusal would come */
    }
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    for (size_t i = 0; i < servers.count; i++) {
        size_t index = (answering + i) % servers.count;
        struct attempt attempt = {.server = servers.urls[index],
                                  .path = path,
                                  .token = token,
                                  .body = text,
                                  .last = i + 1 == servers.count};
        exit_code = try(cli, &attempt, out);
        if (!attempt.again) {
            answering = index;
            break;
        }
    }
    free(text);
    free(token);
    cli_servers_free(&servers);
    return exit_code;
}

enum cli_exit cli_get(const struct cli *cli, const char *path, json_t **out)
{
    return call(cli, path, NULL, out);
}

enum cli_exit cli_post(const struct cli *cli, const char *path, const json_t *body, json_t **out)
{
    return call(cli, path, body, out);
}
