/* SPDX-License-Identifier: Apache-2.0
 *
 * The slope of the queuing delay by linear regression over the last groups, against a threshold
 * that follows it (gcc §5.4): slowly up, so that a flow which fills the queue on purpose does not
 * starve us, and faster down. Constants are libwebrtc's: the draft's k_d of 0.00018 takes minutes
 * to forget a competitor.
 */
#include "media-node/core/bwe/parts.h"

#define SMOOTHING        0.9
#define GAIN             4.0
#define COUNT_MAX        60 /* of groups, as weight of the slope */
#define THRESHOLD_MS     12.5
#define THRESHOLD_MS_MIN 6.0
#define THRESHOLD_MS_MAX 600.0
#define K_UP             0.0087
#define K_DOWN           0.039
#define OUTLIER_MS       15.0 /* over the threshold: a spike, not to be followed */
#define ADAPT_MS_MAX     100.0
#define OVER_MS          10.0 /* so long over the threshold is over-use */

static double slope(const struct trend *trend)
{
    double mean_x = 0;
    double mean_y = 0;
    for (size_t i = 0; i < TREND_WINDOW; i++) {
        mean_x += trend->points[i].at_ms;
        mean_y += trend->points[i].delay_ms;
    }
    mean_x /= TREND_WINDOW;
    mean_y /= TREND_WINDOW;
    double numerator = 0;
    double denominator = 0;
    for (size_t i = 0; i < TREND_WINDOW; i++) {
        double x = trend->points[i].at_ms - mean_x;
        numerator += x * (trend->points[i].delay_ms - mean_y);
        denominator += x * x;
    }
    return denominator > 0 ? numerator / denominator : 0;
}

static void adapt(struct trend *trend, double value, int64_t at_us)
{
    double size = value < 0 ? -value : value;
    if (size <= trend->threshold_ms + OUTLIER_MS) {
        double k = size < trend->threshold_ms ? K_DOWN : K_UP;
        double ms = MIN((double)(at_us - trend->adapted_us) / 1000, ADAPT_MS_MAX);
        trend->threshold_ms += k * (size - trend->threshold_ms) * ms;
        trend->threshold_ms = MAX(THRESHOLD_MS_MIN, MIN(trend->threshold_ms, THRESHOLD_MS_MAX));
    }
    trend->adapted_us = at_us;
}

static void detect(struct trend *trend, double value, double value_raw, double sent_ms)
{
    if (value > trend->threshold_ms) {
        trend->over_ms += trend->over_ms == 0 ? sent_ms / 2 : sent_ms;
        if (trend->over_ms > OVER_MS && value_raw >= trend->last) {
            trend->over_ms = 0;
            trend->usage = USAGE_OVER;
        }
        return;
    }
    trend->over_ms = 0;
    trend->usage = value < -trend->threshold_ms ? USAGE_UNDER : USAGE_NORMAL;
}

enum usage trend_add(struct trend *trend, const struct group_delta *delta)
{
    if (trend->count == 0) {
        trend->origin_us = delta->at_us;
        trend->adapted_us = delta->at_us;
        trend->threshold_ms = THRESHOLD_MS;
    }
    trend->sum_ms += (double)(delta->arrived_us - delta->sent_us) / 1000;
    trend->smoothed_ms = SMOOTHING * trend->smoothed_ms + (1 - SMOOTHING) * trend->sum_ms;
    size_t place = trend->count++ % TREND_WINDOW;
    trend->points[place].at_ms = (double)(delta->at_us - trend->origin_us) / 1000;
    trend->points[place].delay_ms = trend->smoothed_ms;
    if (trend->count < TREND_WINDOW) {
        return trend->usage;
    }
    double raw = slope(trend);
    double value = MIN(trend->count, (unsigned)COUNT_MAX) * raw * GAIN;
    detect(trend, value, raw, (double)delta->sent_us / 1000);
    trend->last = raw;
    adapt(trend, value, delta->at_us);
    return trend->usage;
}
