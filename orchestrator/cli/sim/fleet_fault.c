/* SPDX-License-Identifier: Apache-2.0
 *
 * A fault is read as settings on a command line are, a word each: the same words for what is wrong.
 */
#include "orchestrator/cli/sim/fleet.h"

#include <stdio.h>

#define WORDS_MAX      5
#define TEXT_BYTES_MAX 256

static const struct config_key keys[] = {
    CONFIG_STRING("region", struct fleet_fault, region, ""),
    CONFIG_INT("share", struct fleet_fault, share, "100", 1, 100),
    CONFIG_STRING("node", struct fleet_fault, node, ""),
    CONFIG_STRING("drain", struct fleet_fault, drain, ""),
    CONFIG_STRING("start", struct fleet_fault, start, ""),
    CONFIG_INT("nodes", struct fleet_fault, nodes, "1", 1, FLEET_START_MAX),
    CONFIG_DURATION("at", struct fleet_fault, at_us, "10s", 0, TIME_S(3600)),
};
static const struct config_table table = CONFIG_TABLE(keys, struct fleet_fault);

MUST_CHECK static int wrong(char error[CONFIG_ERROR_MAX], const char *text)
{
    snprintf(error, CONFIG_ERROR_MAX, "%s", text);
    return ERR_INVALID;
}

static int check(const struct fleet_fault *fault, char error[CONFIG_ERROR_MAX])
{
    bool region = fault->region[0] != '\0', start = fault->start[0] != '\0';
    if (region + (fault->node[0] != '\0') + (fault->drain[0] != '\0') + start != 1) {
        return wrong(error, "needs one of region=REGION, node=NODE, drain=NODE and start=REGION");
    }
    if (!region && fault->share != 100) {
        return wrong(error, "share is of a region that is lost");
    }
    return start || fault->nodes == 1 ? 0 : wrong(error, "nodes are those that start");
}

int fleet_fault_read(struct fleet_fault *out, const char *text, char error[CONFIG_ERROR_MAX])
{
    char copy[TEXT_BYTES_MAX], *rest = copy, *word;
    const char *words[WORDS_MAX];
    size_t count = 0;
    if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy)) {
        return wrong(error, "longer than 255 bytes");
    }
    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] != '\0' && count == WORDS_MAX) {
            return wrong(error, "more than five words");
        }
        if (word[0] != '\0') {
            words[count++] = word;
        }
    }
    const struct config_source source = {.overrides = words, .override_count = count};
    int err = config_load(&table, &source, out, error);
    if (err == 0 && (err = check(out, error)) != 0) {
        fleet_fault_free(out);
    }
    return err;
}

void fleet_fault_free(struct fleet_fault *fault)
{
    config_free(&table, fault);
}
