/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/balance/balance.h"

#define SMOOTHING 32.0 /* reports: 8 s of them, four a second */
#define FULL      1000.0

static double weight_permille(const struct registry_node *node, uint64_t weight)
{
    return FULL * (double)weight / MAX(node->capacity, 1);
}

/* Clipped: one second's stall is no reason to move anybody. */
static void learn(double *heat, double permille)
{
    *heat += (MIN(permille, FULL) - *heat) / SMOOTHING;
}

static enum balance_cause hottest(const struct balance *balance)
{
    enum balance_cause cause = BALANCE_WEIGHT;
    for (int i = BALANCE_CPU; i < BALANCE_CAUSES; i++) {
        cause = balance->heat[i] > balance->heat[cause] ? (enum balance_cause)i : cause;
    }
    return cause;
}

bool balance_heard(struct balance *balance, int64_t now_us, const struct balance_config *config,
                   const struct registry_node *node)
{
    const struct registry_load *load = &node->load;
    enum balance_cause before = balance->cause;
    learn(&balance->heat[BALANCE_WEIGHT], weight_permille(node, load->weight));
    learn(&balance->heat[BALANCE_CPU], load->cpu_permille);
    learn(&balance->heat[BALANCE_LAG], FULL * load->loop_lag_us / BALANCE_LAG_FULL_US);
    enum balance_cause cause = hottest(balance);
    double heat = balance->heat[cause];
    if (heat >= config->hot_permille || (before != BALANCE_COOL && heat >= config->cool_permille)) {
        balance->cause = cause;
    } else {
        balance->cause = BALANCE_COOL;
    }
    if (before == BALANCE_COOL) {
        balance->step_at_us = now_us;
    }
    return balance->cause != before;
}

uint32_t balance_heat(const struct balance *balance)
{
    return (uint32_t)balance->heat[hottest(balance)];
}

bool balance_due(struct balance *balance, int64_t now_us)
{
    if (balance->cause == BALANCE_COOL || now_us < balance->step_at_us) {
        return false;
    }
    balance->step_at_us = now_us + BALANCE_STEP_US;
    return true;
}

/* Whatever makes it hot is taken to go down with the weight. */
uint32_t balance_excess(const struct balance *balance, const struct balance_config *config,
                        const struct registry_node *node)
{
    double heat = balance->heat[balance->cause];
    if (balance->cause == BALANCE_COOL || heat <= config->cool_permille) {
        return 0;
    }
    return (uint32_t)(node->load.weight * (heat - config->cool_permille) / heat);
}

uint64_t balance_share(const struct registry_node *node, uint64_t own_weight)
{
    double all = (double)MAX(node->load.weight, own_weight);
    double step = (double)node->capacity * BALANCE_STEP_PERMILLE; /* in thousandths */
    return own_weight == 0 ? 0 : (uint64_t)(step * (double)own_weight / all);
}

bool balance_draws(struct prng *prng, uint64_t share, uint32_t weight)
{
    uint64_t wanted = (uint64_t)weight * 1000;
    return wanted <= share || prng_below(prng, wanted) < share;
}

bool balance_takes(const struct balance *balance, const struct balance_config *config,
                   const struct registry_node *node, uint32_t weight)
{
    uint64_t then = (uint64_t)node->load.weight + node->reserved + weight;
    return balance->cause == BALANCE_COOL && balance->heat[BALANCE_CPU] < config->cool_permille &&
           balance->heat[BALANCE_LAG] < config->cool_permille &&
           weight_permille(node, then) <= config->cool_permille;
}

const char *balance_cause_name(enum balance_cause cause)
{
    static const char *const names[BALANCE_CAUSES] = {"", "weight", "cpu", "loop_lag"};
    assert(cause < BALANCE_CAUSES);
    return names[cause];
}
