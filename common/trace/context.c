/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts and their forms.
 */
#include "common/trace/trace.h"

/* Of a traceparent: version "-" trace-id "-" parent-id "-" trace-flags. */
#define VERSION_AT    0
#define ID_AT         3
#define SPAN_AT       36
#define FLAGS_AT      53
#define PARENT_LEN    55
#define FLAG_SAMPLED  0x01
#define VERSION_NEVER 0xff

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool trace_is_traced(const struct trace_context *context)
{
    return !is_zero(context->trace_id, TRACE_ID_LEN);
}

static bool is_whole(const struct trace_context *context)
{
    return trace_is_traced(context) && !is_zero(context->span_id, TRACE_SPAN_LEN);
}

bool trace_context_read(struct trace_context *out, struct bytes bytes)
{
    *out = (struct trace_context){0};
    if (bytes.len != TRACE_CONTEXT_LEN) {
        return false;
    }
    struct trace_context context;
    memcpy(context.trace_id, bytes.data, TRACE_ID_LEN);
    memcpy(context.span_id, bytes.data + TRACE_ID_LEN, TRACE_SPAN_LEN);
    if (is_whole(&context)) {
        *out = context;
    }
    return is_whole(&context);
}

struct bytes trace_context_bytes(const struct trace_context *context)
{
    _Static_assert(sizeof(*context) == TRACE_CONTEXT_LEN, "one behind the other");
    return (struct bytes){context->trace_id, trace_is_traced(context) ? sizeof(*context) : 0};
}

/* Lower case alone, as the recommendation wants it. */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(uint8_t *out, size_t len, const char *text)
{
    for (size_t i = 0; i < len; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

int trace_parent_parse(struct trace_parent *out, const char *text)
{
    struct trace_parent parent;
    uint8_t version, flags;
    size_t len = strnlen(text, PARENT_LEN + 1);
    if (len < PARENT_LEN || text[ID_AT - 1] != '-' || text[SPAN_AT - 1] != '-' ||
        text[FLAGS_AT - 1] != '-' || !read_hex(&version, 1, text + VERSION_AT) ||
        !read_hex(parent.context.trace_id, TRACE_ID_LEN, text + ID_AT) ||
        !read_hex(parent.context.span_id, TRACE_SPAN_LEN, text + SPAN_AT) ||
        !read_hex(&flags, 1, text + FLAGS_AT)) {
        return ERR_INVALID;
    }
    /* A later version may have more behind it, after another hyphen (§3.2.4). */
    bool ends = version == 0 ? len == PARENT_LEN : len == PARENT_LEN || text[PARENT_LEN] == '-';
    if (!ends || version == VERSION_NEVER || !is_whole(&parent.context)) {
        return ERR_INVALID;
    }
    parent.sampled = (flags & FLAG_SAMPLED) != 0;
    *out = parent;
    return 0;
}

const char *trace_word(const struct trace_context *context, char out[TRACE_WORD_MAX])
{
    static const char head[] = " trace_id=", digits[] = "0123456789abcdef";
    out[0] = '\0';
    if (!trace_is_traced(context)) {
        return out;
    }
    char *at = out + sizeof(head) - 1;
    memcpy(out, head, sizeof(head));
    for (size_t i = 0; i < TRACE_ID_LEN; i++) {
        *at++ = digits[context->trace_id[i] >> 4];
        *at++ = digits[context->trace_id[i] & 15];
    }
    *at = '\0';
    return out;
}
