/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the queue of a URL hands out, at any moment, the oldest delivery that is due and has none
 * of its key before it. Random operations against a model that looks at every pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/shell/webhooks/private.h"

#define MODEL_MAX 64
#define KEYS      5

struct model {
    struct delivery *list[MODEL_MAX]; /* in queue order */
    size_t count;
};

static CURL *const under_way = (CURL *)&(char){0};

static struct delivery *model_ready(const struct model *model, int64_t now_us, int64_t *due_us)
{
    struct delivery *found = NULL;
    for (size_t i = 0; i < model->count && found == NULL; i++) {
        struct delivery *d = model->list[i];
        bool blocked = d->easy != NULL;
        for (size_t j = 0; j < i; j++) {
            blocked = blocked || strcmp(model->list[j]->event->key, d->event->key) == 0;
        }
        if (!blocked && d->due_us <= now_us) {
            found = d;
        } else if (!blocked) {
            *due_us = MIN(*due_us, d->due_us);
        }
    }
    return found;
}

static void model_remove(struct model *model, size_t i)
{
    memmove(&model->list[i], &model->list[i + 1], (model->count - i - 1) * sizeof(model->list[0]));
    model->count--;
}

static void add(struct model *model, struct target *target, struct prng *prng, int64_t now_us)
{
    char key[2] = {(char)('a' + prng_below(prng, KEYS)), '\0'};
    struct event *event = mem_alloc(sizeof(*event));
    *event = (struct event){.users = 1, .key = mem_str(key), .body = {mem_copy("x", 1), 1}};
    model->list[model->count++] = queue_add(target, event, now_us);
    event_release(event);
}

/* Starts one, or ends one that is under way: for good, or to come back later. */
static void turn(struct model *model, struct target *target, struct prng *prng, int64_t now_us)
{
    size_t i = (size_t)prng_below(prng, model->count);
    struct delivery *delivery = model->list[i];
    if (delivery->easy == NULL && prng_below(prng, 2) == 0) {
        delivery->easy = under_way;
        target->waiting--;
        return;
    }
    if (delivery->easy != NULL) {
        delivery->easy = NULL;
        target->waiting++;
        delivery->due_us = now_us + (int64_t)prng_below(prng, 50);
    }
    if (prng_below(prng, 2) == 0) {
        model_remove(model, i);
        queue_remove(delivery);
    }
}

static void test_against_model(void **state)
{
    (void)state;
    struct prng prng;
    struct model model = {0};
    struct target target = {0};
    prng_seed(&prng, 7);
    TAILQ_INIT(&target.queue);
    for (int64_t now_us = 0; now_us < 20000; now_us++) {
        if (model.count < MODEL_MAX && prng_below(&prng, 2) == 0) {
            add(&model, &target, &prng, now_us);
        } else if (model.count > 0) {
            turn(&model, &target, &prng, now_us);
        }
        int64_t due_us = TIME_NEVER;
        int64_t model_due_us = TIME_NEVER;
        struct delivery *expected = model_ready(&model, now_us, &model_due_us);
        assert_ptr_equal(queue_ready(&target, now_us, &due_us), expected);
        assert_int_equal(due_us, model_due_us);
    }
    while (model.count > 0) {
        struct delivery *delivery = model.list[0];
        target.waiting += delivery->easy != NULL;
        delivery->easy = NULL;
        model_remove(&model, 0);
        queue_remove(delivery);
    }
    assert_int_equal(target.waiting, 0);
    assert_null(queue_oldest_waiting(&target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
