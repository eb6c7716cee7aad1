/* SPDX-License-Identifier: Apache-2.0
 *
 * keys: CURVE key pairs. NAME.key is secret and readable by its owner only, NAME.pub goes to those
 * who are to trust it.
 */
#include <errno.h>
#include <sys/stat.h>

#include "common/bus/bus.h"
#include "orchestrator/cli/cli.h"

enum cli_exit cli_cmd_keys(struct cli *cli, int argc, char **argv)
{
    const char *out = NULL;
    const struct cli_option options[] = {
        {"out", "DIR", &out, "where the files go; made if it is not there"},
    };
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "keys --out DIR NAME...", options, ARRAY_LEN(options),
                   &exit_code)) {
        return exit_code;
    }
    if (out == NULL || cli->argument_count == 0) {
        return cli_usage(cli, "keys needs --out and one name at least");
    }
    if (mkdir(out, 0700) != 0 && errno != EEXIST) {
        cli_say("cannot make %s: %s", out, strerror(errno));
        return CLI_FAILED;
    }
    json_t *made = json_array();
    for (size_t i = 0; i < cli->argument_count && exit_code == CLI_OK; i++) {
        struct bus_keys keys;
        char error[BUS_ERROR_MAX];
        bus_keys_new(&keys);
        int err = bus_keys_save(&keys, out, cli->arguments[i], error);
        if (err != 0) {
            cli_say("%s", error);
            exit_code = err == ERR_INVALID  ? CLI_USAGE
                        : err == ERR_EXISTS ? CLI_REFUSED
                                            : CLI_FAILED;
        } else {
            json_array_append_new(made, json_pack("{s:s, s:s}", "name", cli->arguments[i],
                                                  "public_key", keys.public_key));
        }
        explicit_bzero(&keys, sizeof(keys));
    }
    const struct cli_column columns[] = {
        {"NAME", "name", CLI_TEXT, false},
        {"PUBLIC KEY", "public_key", CLI_TEXT, false},
    };
    /* What was made before a failure is there, so it is told. */
    if (json_array_size(made) > 0) {
        const struct cli_view view = {"keys", "name", columns, ARRAY_LEN(columns)};
        json_t *answer = json_pack("{s:O}", "keys", made);
        cli_print(cli, answer, &view);
        json_decref(answer);
    }
    json_decref(made);
    return exit_code;
}
