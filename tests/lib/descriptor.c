/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates of a spatial layer, in the order of their temporal layers: key frame and later frame of
 * the lowest, the middle one, the two of the highest, which differ in their chains alone.
 */
#include "tests/lib/descriptor.h"

struct writer {
    uint8_t *out;
    size_t at; /* bits */
};

static void put(struct writer *writer, unsigned count, uint32_t value)
{
    for (unsigned i = count; i > 0; i--, writer->at++) {
        uint8_t *byte = &writer->out[writer->at / 8];
        if (writer->at % 8 == 0) {
            *byte = 0;
        }
        *byte = (uint8_t)(*byte | (value >> (i - 1) & 1) << (7 - writer->at % 8));
    }
}

static void put_below(struct writer *writer, uint32_t n, uint32_t value)
{
    unsigned width = 0;
    while (n >> width != 0) {
        width++;
    }
    uint32_t short_ones = (1u << width) - n;
    if (value < short_ones) {
        put(writer, width - 1, value);
    } else {
        put(writer, width, value + short_ones);
    }
}

/* How many pictures until the pattern repeats. */
static unsigned period(const struct descriptor_mode *mode)
{
    return 1u << (mode->temporal - 1);
}

unsigned descriptor_temporal(const struct descriptor_mode *mode, unsigned picture)
{
    unsigned phase = picture % period(mode);
    if (phase == 0) {
        return 0;
    }
    return phase % 2 == 1 ? mode->temporal - 1 : 1;
}

/* A template: a spatial layer, and a place in the pattern, where key frames have their own. */
struct template
{
    unsigned spatial;
    unsigned phase;
    bool key;
};

static size_t list(const struct descriptor_mode *mode, struct template *out)
{
    size_t count = 0;
    for (unsigned spatial = 0; spatial < mode->spatial; spatial++) {
        out[count++] = (struct template){spatial, 0, true};
        for (unsigned temporal = 0; temporal < mode->temporal; temporal++) {
            for (unsigned phase = 0; phase < period(mode); phase++) {
                if (descriptor_temporal(mode, phase) == temporal) {
                    out[count++] = (struct template){spatial, phase, false};
                }
            }
        }
    }
    return count;
}

/* 0 not present, 1 discardable, 2 switch, 3 required. */
static unsigned indication(const struct descriptor_mode *mode, const struct template *t,
                           unsigned spatial, unsigned temporal)
{
    unsigned own = descriptor_temporal(mode, t->phase);
    if (spatial < t->spatial || temporal < own) {
        return 0;
    }
    if (t->key) {
        return 2;
    }
    if (spatial > t->spatial) {
        return mode->key_only ? 0 : 3;
    }
    return own > 0 && temporal == own ? 1 : 2;
}

static void put_refs(struct writer *writer, const struct descriptor_mode *mode,
                     const struct template *t)
{
    if (!t->key) { /* the last picture of a lower temporal layer, or the last one of the lowest */
        unsigned pictures = t->phase == 0 ? period(mode) : t->phase % 2 == 1 ? 1 : t->phase;
        put(writer, 5, 0x10 | (pictures * mode->spatial - 1));
    }
    if (t->spatial > 0 && (t->key || !mode->key_only)) {
        put(writer, 5, 0x10);
    }
    put(writer, 1, 0);
}

static void put_structure(struct writer *writer, const struct descriptor_mode *mode)
{
    struct template templates[16];
    size_t count = list(mode, templates);
    put(writer, 6, mode->first);
    put(writer, 5, mode->spatial * mode->temporal - 1);
    for (size_t i = 1; i < count; i++) {
        bool higher = descriptor_temporal(mode, templates[i].phase) >
                      descriptor_temporal(mode, templates[i - 1].phase);
        put(writer, 2, templates[i].spatial != templates[i - 1].spatial ? 2 : higher);
    }
    put(writer, 2, 3);
    for (size_t i = 0; i < count; i++) {
        for (unsigned target = 0; target < mode->spatial * mode->temporal; target++) {
            put(writer, 2,
                indication(mode, &templates[i], target / mode->temporal, target % mode->temporal));
        }
    }
    for (size_t i = 0; i < count; i++) {
        put_refs(writer, mode, &templates[i]);
    }
    put_below(writer, mode->spatial * mode->temporal + 1, mode->spatial); /* chains */
    for (unsigned target = 0; target < mode->spatial * mode->temporal; target++) {
        put_below(writer, mode->spatial, target / mode->temporal);
    }
    for (size_t i = 0; i < count * mode->spatial; i++) {
        put(writer, 4, i % 16); /* nobody here reads them */
    }
    put(writer, 1, 1);
    for (unsigned spatial = 0; spatial < mode->spatial; spatial++) {
        put(writer, 16, (1280u >> (mode->spatial - 1 - spatial)) - 1);
        put(writer, 16, (720u >> (mode->spatial - 1 - spatial)) - 1);
    }
}

size_t descriptor_write(uint8_t out[DESCRIPTOR_MAX], const struct descriptor_mode *mode,
                        const struct descriptor_frame *frame)
{
    struct writer writer = {.out = out};
    struct template templates[16];
    size_t count = list(mode, templates);
    size_t place = 0;
    bool key = frame->picture == 0;
    for (size_t i = 0; i < count; i++) {
        const struct template *t = &templates[i];
        if (t->spatial == frame->spatial && t->key == key &&
            t->phase == frame->picture % period(mode)) {
            place = i;
        }
    }
    bool structure = key && frame->spatial == 0 && frame->start;
    put(&writer, 1, frame->start);
    put(&writer, 1, frame->end);
    put(&writer, 6, (uint32_t)(place + mode->first) % 64);
    put(&writer, 16, frame->number);
    if (structure || frame->active_told) {
        put(&writer, 5, (structure ? 0x10u : 0) | (frame->active_told ? 0x08u : 0));
    }
    if (structure) {
        put_structure(&writer, mode);
    }
    if (frame->active_told) {
        put(&writer, mode->spatial * mode->temporal, frame->active);
    }
    return (writer.at + 7) / 8;
}
