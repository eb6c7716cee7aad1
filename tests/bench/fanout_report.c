/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fanout_report.h"

#include "tests/bench/files.h"

#define LOST_MAX 0.01

const char *const fanout_janus_names[FANOUT_JANUS_MODES] = {"a thread per viewer",
                                                            "event_loops = 2"};

/* ---- Ratios ---------------------------------------------------------------------------------- */

/* What loses packets, or is still busy with those of the row before, is overloaded: its cost says
 * nothing. */
static bool counts(const struct fanout_result *result)
{
    return result->lost < LOST_MAX && result->lost > -LOST_MAX;
}

/* The better of its ways to run; 0 if it was too much for both. */
static double janus_us(const struct fanout_row *row)
{
    double us = 0;
    for (size_t i = 0; i < FANOUT_JANUS_MODES; i++) {
        if (counts(&row->janus[i]) && (us == 0 || row->janus[i].us < us)) {
            us = row->janus[i].us;
        }
    }
    return us;
}

static double of_limit(const struct fanout_row *row)
{
    return row->limit_us / row->full.us;
}

static double of_own_limit(const struct fanout_row *row)
{
    return row->own_limit_us / row->full.us;
}

static double times_janus(const struct fanout_row *row)
{
    return janus_us(row) / row->beside.us;
}

/* The least of all frame sizes that have one. */
static double least(const struct fanout_report *report, double (*of)(const struct fanout_row *row))
{
    double value = 0;
    for (size_t i = 0; i < report->bursts; i++) {
        double next = of(&report->rows[i]);
        value = value == 0 || (next != 0 && next < value) ? next : value;
    }
    return value;
}

/* ---- The table ------------------------------------------------------------------------------- */

static double most_lost(const struct fanout_row *row)
{
    return MAX(row->full.lost, row->beside.lost);
}

static void print_janus(const struct fanout_row *row)
{
    for (size_t i = 0; i < FANOUT_JANUS_MODES; i++) {
        const struct fanout_result *result = &row->janus[i];
        if (counts(result)) {
            printf(" %9.2f", result->us);
        } else {
            printf(" lost %2.0f %%", 100 * result->lost);
        }
    }
    if (times_janus(row) > 0) {
        printf(" %11.1f |", times_janus(row));
    } else {
        printf(" %11s |", "-");
    }
}

void fanout_report_print(const struct fanout_report *report)
{
    printf("One VP8 stream of %d-byte packets to %zu receivers, us of CPU per packet\n",
           FANOUT_PACKET, report->receivers);
    printf("  %-7s | %31u packets/s | %31u packets/s\n", "", report->rate, report->janus_rate);
    printf("  %-7s | %6s %9s %12s %11s | %9s %9s %9s %11s | %s\n", "a frame", "limit", "spillway",
           "of the limit", "of its own", "spillway", "janus", "2 loops", "times janus", "lost");
    for (size_t i = 0; i < report->bursts; i++) {
        const struct fanout_row *row = &report->rows[i];
        printf("  %-7u | %6.2f %9.2f %10.0f %% %9.0f %% |", row->burst, row->limit_us, row->full.us,
               100 * of_limit(row), 100 * of_own_limit(row));
        printf(" %9.2f", row->beside.us);
        if (report->janus) {
            print_janus(row);
        } else {
            printf(" %9s %9s %11s |", "-", "-", "-");
        }
        printf(" %.2f %%\n", 100 * most_lost(row));
    }
    if (!report->janus) {
        printf("  Without Janus (apt-get install janus; never in a short run)\n");
    }
}

/* ---- Files ----------------------------------------------------------------------------------- */

static json_t *ratio_json(double ratio)
{
    return ratio > 0 ? json_real(files_rounded(ratio)) : json_null();
}

static json_t *row_json(const struct fanout_row *row, bool janus)
{
    json_t *json = json_pack(
        "{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "packets_a_frame", (int)row->burst, "limit_us",
        files_rounded(row->limit_us), "own_limit_us", files_rounded(row->own_limit_us),
        "us_per_packet", files_rounded(row->full.us), "of_limit", files_rounded(of_limit(row)),
        "of_own_limit", files_rounded(of_own_limit(row)), "us_per_packet_beside_janus",
        files_rounded(row->beside.us), "lost", files_rounded(most_lost(row)));
    if (janus) {
        const struct fanout_result *threads = &row->janus[FANOUT_JANUS_THREADS];
        const struct fanout_result *loops = &row->janus[FANOUT_JANUS_LOOPS];
        json_t *more =
            json_pack("{s:f, s:f, s:f, s:f, s:o}", "janus_us_threads", files_rounded(threads->us),
                      "janus_lost_threads", files_rounded(threads->lost), "janus_us_event_loops_2",
                      files_rounded(loops->us), "janus_lost_event_loops_2",
                      files_rounded(loops->lost), "times_janus", ratio_json(times_janus(row)));
        json_object_update_new(json, more);
    }
    return json;
}

static double spillway_us(const struct fanout_row *row)
{
    return -row->full.us;
}

static void write_json(const struct fanout_report *report, const char *dir)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < report->bursts; i++) {
        json_array_append_new(rows, row_json(&report->rows[i], report->janus));
    }
    json_t *json = files_begin(report->machine);
    json_t *more = json_pack(
        "{s:i, s:i, s:i, s:i, s:s, s:f, s:f, s:f, s:o, s:o}", "receivers", (int)report->receivers,
        "bytes", FANOUT_PACKET, "packets_per_second", (int)report->rate,
        "packets_per_second_beside_janus", (int)report->janus_rate, "of",
        "the worst of the rows; janus: the better of its ways that lost less than 1 %", "of_limit",
        files_rounded(least(report, of_limit)), "of_own_limit",
        files_rounded(least(report, of_own_limit)), "us_per_packet",
        files_rounded(-least(report, spillway_us)), "times_janus",
        ratio_json(report->janus ? least(report, times_janus) : 0), "rows", rows);
    json_object_update_new(json, more);
    files_write_json(dir, "fanout.json", json);
}

/* ---- The plot -------------------------------------------------------------------------------- */

#define BARS  5
#define LEFT  210 /* px, of the labels */
#define SCALE 480 /* px, of the longest bar */
#define BAR   16
#define GROUP (BARS * BAR + 24)
#define TOP   40

struct bar {
    const char *name;
    const char *color;
    double us;
    bool lost; /* packets, so that it does not count */
};

static void write_group(FILE *file, const struct fanout_row *row, unsigned y, double most,
                        bool janus)
{
    const struct bar bars[BARS] = {
        {"limit", "#999", row->limit_us, false},
        {"Spillway", "#35a", row->full.us, false},
        {"Spillway, at Janus's rate", "#9bd", row->beside.us, false},
        {"Janus, event_loops = 2", "#e90", row->janus[FANOUT_JANUS_LOOPS].us,
         !counts(&row->janus[FANOUT_JANUS_LOOPS])},
        {"Janus, a thread per viewer", "#c60", row->janus[FANOUT_JANUS_THREADS].us,
         !counts(&row->janus[FANOUT_JANUS_THREADS])},
    };
    fprintf(file, "<text x=\"8\" y=\"%u\" font-weight=\"bold\">%u a frame</text>\n", y + 12,
            row->burst);
    for (unsigned i = 0; i < (janus ? BARS : BARS - FANOUT_JANUS_MODES); i++) {
        double width = SCALE * bars[i].us / most;
        unsigned at = y + i * BAR;
        fprintf(file,
                "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">%s</text>"
                "<rect x=\"%d\" y=\"%u\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>"
                "<text x=\"%.1f\" y=\"%u\">%.2f%s</text>\n",
                LEFT + 60 - 6, at + 12, bars[i].name, LEFT + 60, at + 2, width, BAR - 4,
                bars[i].color, LEFT + 66 + width, at + 12, bars[i].us,
                bars[i].lost ? " (lost packets)" : "");
    }
}

static void write_svg(const struct fanout_report *report, const char *dir)
{
    double most = 0;
    FILE *file = files_create(dir, "fanout.svg");
    for (size_t i = 0; i < report->bursts; i++) {
        const struct fanout_row *row = &report->rows[i];
        most = MAX(most, MAX(row->full.us, row->beside.us));
        for (size_t k = 0; report->janus && k < FANOUT_JANUS_MODES; k++) {
            most = MAX(most, row->janus[k].us);
        }
    }
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"11\"><rect width=\"100%%\" height=\"100%%\" "
            "fill=\"#fff\"/>\n<text x=\"8\" y=\"20\" font-size=\"13\">One VP8 stream to %zu "
            "receivers, %d bytes a packet: us of CPU per forwarded packet</text>\n",
            LEFT + SCALE + 120, TOP + FANOUT_BURSTS * GROUP, report->receivers, FANOUT_PACKET);
    for (unsigned i = 0; i < report->bursts; i++) {
        write_group(file, &report->rows[i], TOP + i * GROUP, most, report->janus);
    }
    fprintf(file, "</svg>\n");
    fclose(file);
}

void fanout_report_write(const struct fanout_report *report, const char *dir)
{
    write_json(report, dir);
    write_svg(report, dir);
    printf("written: %s/fanout.svg\n", dir);
}
