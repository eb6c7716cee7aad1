/* SPDX-License-Identifier: Apache-2.0
 *
 * completion: the scripts that shells load. They know nothing of spillctl but how to ask it, so
 * that none of them can be older than it: complete.c answers, with "files" on the first line if a
 * file is wanted, else "words" and a candidate on each line after it, a tab and a description
 * behind it.
 *
 * Names are chosen by clients: each shell quotes what it inserts.
 */
#include "orchestrator/cli/cli.h"

/* bash takes words apart at '=' and ':': what is put together here is cut off again in candidates.
 * Within quotes it would insert names that the shell expands, so there are none. */
static const char bash[] =
    "_spillctl() {\n"
    "    local -a words=() found=()\n"
    "    local i word strip= glue=\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if [[ $word =~ ^[:=]+$ && ${#words[@]} -gt 0 ]]; then\n"
    "            words[-1]+=$word strip=${words[-1]} glue=1\n"
    "        elif [[ -n $glue ]]; then\n"
    "            words[-1]+=$word glue=\n"
    "        else\n"
    "            words+=(\"$word\") strip=\n"
    "        fi\n"
    "    done\n"
    "    COMPREPLY=()\n"
    "    [[ ${words[-1]} == *[\\\"\\']* ]] && return\n"
    "    words=(\"${words[@]//\\\\/}\")\n"
    "    mapfile -t found < <(\"${COMP_WORDS[0]}\" complete -- \"${words[@]}\" 2>/dev/null)\n"
    "    if [[ ${found[0]} == files ]]; then\n"
    "        compopt -o default\n"
    "        return\n"
    "    fi\n"
    "    for word in \"${found[@]:1}\"; do\n"
    "        word=${word%%$'\\t'*}\n"
    "        printf -v word %q \"${word#\"${strip//\\\\/}\"}\"\n"
    "        COMPREPLY+=(\"$word\")\n"
    "    done\n"
    "}\n"
    "complete -F _spillctl spillctl\n";

static const char zsh[] =
    "#compdef spillctl\n"
    "_spillctl() {\n"
    "    local -a found names texts\n"
    "    local line\n"
    "    found=(\"${(@f)$(${(Q)words[1]} complete -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
    "    if [[ $found[1] == files ]]; then\n"
    "        _files\n"
    "        return\n"
    "    fi\n"
    "    for line in \"${(@)found[2,-1]}\"; do\n"
    "        names+=(\"${line%%$'\\t'*}\")\n"
    "        texts+=(\"${line/$'\\t'/ -- }\")\n"
    "    done\n"
    "    compadd -l -d texts -a names\n"
    "}\n"
    "if [[ $funcstack[1] == _spillctl ]]; then\n"
    "    _spillctl \"$@\"\n"
    "else\n"
    "    compdef _spillctl spillctl\n"
    "fi\n";

static const char fish[] = "function __spillctl_complete\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l current (commandline -ct)\n"
                           "    set -l program $words[1]\n"
                           "    set -e words[1]\n"
                           "    set -l found ($program complete -- $words $current 2>/dev/null)\n"
                           "    if test \"$found[1]\" = files\n"
                           "        __fish_complete_path $current\n"
                           "        return\n"
                           "    end\n"
                           "    set -e found[1]\n"
                           "    printf '%s\\n' $found\n"
                           "end\n"
                           "complete -c spillctl -f -a '(__spillctl_complete)'\n";

enum cli_exit cli_cmd_completion(struct cli *cli, int argc, char **argv)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    enum cli_exit exit_code;
    if (!cli_parse(cli, argc, argv, "completion bash|zsh|fish", NULL, 0, &exit_code)) {
        return exit_code;
    }
    for (size_t i = 0; cli->argument_count == 1 && i < ARRAY_LEN(scripts); i++) {
        if (strcmp(cli->arguments[0], scripts[i].shell) == 0) {
            fputs(scripts[i].script, stdout);
            return CLI_OK;
        }
    }
    return cli_usage(cli, "completion takes one of bash, zsh, fish");
}
