/* SPDX-License-Identifier: Apache-2.0
 *
 * What spillctl shows to orchestrators: a token that it is given, or one that it makes of an API
 * key and its secret. Options go before the environment.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "orchestrator/cli/cli.h"
#include "orchestrator/core/token/token.h"

#define LINE_BYTES  65536
#define ADMIN_TTL_S 60

/* What was read: a pipe can be read once alone (--token-file <(...)), and there may be several
 * requests. */
static char *token_kept, *secret_kept;

/* Its first line, to be freed; NULL, told: there is none. */
static char *read_line(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = mem_alloc(LINE_BYTES);
    if (file == NULL || fgets(line, LINE_BYTES, file) == NULL) {
        cli_say("cannot read %s: %s", path,
                file == NULL || ferror(file) != 0 ? strerror(errno) : "it is empty");
        free(line);
        line = NULL;
    } else {
        line[strcspn(line, "\r\n")] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    return line;
}

/* A file may have another token meanwhile: it is read each time. NULL, told: it cannot be read. */
static const char *text_of(char **kept, const char *path)
{
    struct stat status;
    bool is_file = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    if (*kept == NULL || is_file) {
        free(*kept);
        *kept = read_line(path);
    }
    return *kept;
}

/* What is set to nothing is not set. */
static const char *variable(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* NULL in *out: none. */
static enum cli_exit find_secret(const struct cli *cli, const char **out)
{
    const char *text = cli->api_secret, *path = cli->api_secret_file;
    if (text == NULL && path == NULL) {
        text = variable("SPILLWAY_API_SECRET");
        path = variable("SPILLWAY_API_SECRET_FILE");
    }
    *out = text;
    if (text == NULL && path != NULL) {
        *out = text_of(&secret_kept, path);
        return *out == NULL ? CLI_USAGE : CLI_OK;
    }
    return CLI_OK;
}

enum cli_exit cli_key(const struct cli *cli, struct token_key *out)
{
    out->key = cli->api_key != NULL ? cli->api_key : variable("SPILLWAY_API_KEY");
    enum cli_exit exit_code = find_secret(cli, &out->secret);
    if (out->key == NULL || out->secret == NULL || out->secret[0] == '\0') {
        *out = (struct token_key){NULL, NULL};
    }
    return exit_code;
}

/* What to send without a key; NULL in *out: nothing. */
static enum cli_exit given_token(const struct cli *cli, const char **out)
{
    bool key = cli->api_key != NULL || cli->api_secret != NULL || cli->api_secret_file != NULL;
    *out = NULL;
    if (cli->token_file != NULL) {
        *out = text_of(&token_kept, cli->token_file);
        return *out == NULL ? CLI_USAGE : CLI_OK;
    }
    *out = key ? NULL : variable("SPILLWAY_TOKEN");
    return CLI_OK;
}

enum cli_exit cli_admin_token(const struct cli *cli, char **out)
{
    const char *given;
    struct token_key key;
    *out = NULL;
    enum cli_exit exit_code = given_token(cli, &given);
    if (exit_code != CLI_OK || given != NULL) {
        *out = given == NULL ? NULL : mem_str(given);
        return exit_code;
    }
    exit_code = cli_key(cli, &key);
    if (exit_code == CLI_OK && key.secret != NULL) {
        const struct token token = {
            .identity = "spillctl",
            .has_video = true,
            .video = {.room_list = true, .room_create = true},
        };
        *out = token_sign(&token, &key, (int64_t)time(NULL), ADMIN_TTL_S);
    }
    return exit_code;
}
