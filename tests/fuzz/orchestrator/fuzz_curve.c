/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any file is a curve or refused with words; of a curve every time has every region's value,
 * and a plan for it has at least the nodes of a life without losses.
 */
#include "orchestrator/cli/plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct curve curve;
    char error[CURVE_ERROR_MAX] = "";
    if (curve_read(&curve, (struct bytes){data, len}, error) != 0) {
        assert(error[0] != '\0' && memchr(error, '\0', sizeof(error)) != NULL);
        return 0;
    }
    assert(curve.region_count > 0 && curve.time_count > 0);
    if (curve.region_count > 1) {
        struct plan plan;
        plan_make(&plan, &curve, 7.5);
        assert(plan.alone <= plan.apart && plan.apart <= plan.coinciding);
    }
    curve_free(&curve);
    return 0;
}
