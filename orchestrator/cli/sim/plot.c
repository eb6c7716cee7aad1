/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/cli/sim/plot.h"
#include "orchestrator/cli/count.h"

#include <math.h>

#define LEFT       60
#define WIDTH      700
#define HEIGHT     180 /* of a panel */
#define BETWEEN    44
#define EVENT_PX   14 /* a line of text for each */
#define EVENTS_MAX 12 /* that are told; there may be more */
#define TICKS      5
#define BLUE       "#35a"
#define LIGHT_BLUE "#9bd"
#define RED        "#c30"
#define ORANGE     "#e90"
#define GREY       "#ddd"

struct panel {
    double top, most; /* the latter at its top */
    double last_us;   /* at its right */
};

struct curve {
    const char *name, *colour;
    double (*value)(const struct sim_row *row);
};

static double x_of(const struct panel *panel, int64_t at_us)
{
    return LEFT + WIDTH * (double)at_us / panel->last_us;
}

static double y_of(const struct panel *panel, double value)
{
    return panel->top + HEIGHT * (1 - value / panel->most);
}

static double waiting(const struct sim_row *row)
{
    return (double)row->waiting;
}

static double without_video(const struct sim_row *row)
{
    return (double)row->without_video;
}

static double highest(const struct sim_row *row)
{
    return 100 * row->use_max;
}

static double mean(const struct sim_row *row)
{
    return 100 * row->use_mean;
}

/* 1, 2 or 5 times a power of ten, such that TICKS of them are not less. */
static double tick_of(double most)
{
    static const double steps[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(MAX(most, 1) / TICKS))), tick = power;
    for (size_t i = 0; i < ARRAY_LEN(steps) && tick * TICKS < most; i++) {
        tick = MAX(power * steps[i], 1);
    }
    return tick;
}

static void draw_grid(FILE *out, const struct panel *panel, const char *unit)
{
    double seconds = panel->last_us / 1e6, tick = tick_of(panel->most);
    for (double value = 0; value <= panel->most; value += tick) {
        double y = y_of(panel, value);
        fprintf(out,
                "<path d=\"M%d %.1fh%d\" stroke=\"" GREY "\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f%s</text>\n",
                LEFT, y, WIDTH, LEFT - 6, y + 4, value, unit);
    }
    for (double at = 0; at <= seconds; at += tick_of(seconds)) {
        double x = LEFT + WIDTH * at / seconds;
        fprintf(out,
                "<path d=\"M%.1f %.1fv%d\" stroke=\"" GREY "\"/>"
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f s</text>\n",
                x, panel->top, HEIGHT, x, panel->top + HEIGHT + 14, at);
    }
}

static void draw_curves(FILE *out, const struct sim_result *r, const struct panel *panel,
                        const struct curve *curves, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        fprintf(out,
                "<text x=\"%zu\" y=\"%.1f\" fill=\"%s\">%s</text>"
                "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
                LEFT + 180 * c, panel->top - 6, curves[c].colour, curves[c].name, curves[c].colour);
        for (size_t i = 0; i < r->row_count; i++) {
            fprintf(out, "%.1f,%.1f ", x_of(panel, r->rows[i].at_us),
                    y_of(panel, curves[c].value(&r->rows[i])));
        }
        fprintf(out, "\"/>\n");
    }
}

/* Names of regions and nodes need no escaping: config_is_label(). */
static void draw_events(FILE *out, const struct sim_result *r, const struct panel *panel)
{
    int told = 0;
    for (size_t i = 0; i < r->row_count && told < EVENTS_MAX; i++) {
        const struct sim_row *row = &r->rows[i];
        if (row->event[0] == '\0') {
            continue;
        }
        double x = x_of(panel, row->at_us);
        double y = panel->top + HEIGHT + BETWEEN + EVENT_PX * told++;
        fprintf(out,
                "<path d=\"M%.1f 34V%.1f\" stroke=\"#999\" stroke-dasharray=\"3\"/>"
                "<text x=\"%d\" y=\"%.1f\">%.2f s: %s</text>\n",
                x, panel->top + HEIGHT, LEFT, y, (double)row->at_us / 1e6, row->event);
    }
}

static double most_of(const struct sim_result *r, const struct curve *curves, size_t count,
                      double least)
{
    double most = least;
    for (size_t i = 0; i < r->row_count; i++) {
        for (size_t c = 0; c < count; c++) {
            most = MAX(most, curves[c].value(&r->rows[i]));
        }
    }
    return most * 1.05;
}

static int events_of(const struct sim_result *r)
{
    int count = 0;
    for (size_t i = 0; i < r->row_count; i++) {
        count += r->rows[i].event[0] != '\0';
    }
    return MIN(count, EVENTS_MAX);
}

void plot_write(FILE *out, const struct sim_result *r)
{
    static const struct curve people[] = {{"people without a node", RED, waiting},
                                          {"people without video", ORANGE, without_video}};
    static const struct curve use[] = {{"fullest node", BLUE, highest},
                                       {"mean of all nodes", LIGHT_BLUE, mean}};
    double last_us = (double)r->rows[r->row_count - 1].at_us;
    const struct panel above = {40, most_of(r, people, ARRAY_LEN(people), 10), last_us};
    const struct panel below = {40 + HEIGHT + BETWEEN, most_of(r, use, ARRAY_LEN(use), 100),
                                last_us};
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
            "font-family=\"sans-serif\" font-size=\"11\"><title>What happens to %s on "
            "%s</title><rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            LEFT + WIDTH + 30, below.top + HEIGHT + BETWEEN + EVENT_PX * events_of(r),
            COUNT_PEOPLE(r->people), COUNT_NODES(r->nodes));
    draw_grid(out, &above, "");
    draw_grid(out, &below, " %");
    fprintf(out, "<path d=\"M%d %.1fh%d\" stroke=\"#333\"/>\n", LEFT, y_of(&below, 100), WIDTH);
    draw_events(out, r, &below);
    draw_curves(out, r, &above, people, ARRAY_LEN(people));
    draw_curves(out, r, &below, use, ARRAY_LEN(use));
    fprintf(out, "</svg>\n");
}
