/* SPDX-License-Identifier: Apache-2.0
 *
 * SDP as lines of text: fragments of ICE (RFC 8840 §9), and what is taken out of or put into offers
 * and answers. We are ICE-lite and learn paths from checks, so of a client's fragment only the
 * credentials are of interest; ours are what an answer says of ICE.
 */
#include "orchestrator/core/whip/private.h"

#include <stdlib.h>

#define UFRAG "a=ice-ufrag:"
#define PWD   "a=ice-pwd:"

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* The next line of a text, without its end; false: there is none. */
static bool next_line(struct bytes *text, struct bytes *out)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->data, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    size_t used = len + (end != NULL);
    *out = (struct bytes){text->data, len - (len > 0 && text->data[len - 1] == '\r')};
    *text = (struct bytes){text->data + used, text->len - used};
    return true;
}

static bool begins(struct bytes line, const char *name)
{
    size_t len = strlen(name);
    return line.len >= len && memcmp(line.data, name, len) == 0;
}

/* The first of its name, unless there was one; "" counts as none. */
static void keep_first(struct bytes *value, struct bytes line, const char *name)
{
    size_t len = strlen(name);
    if (value->len == 0 && begins(line, name)) {
        *value = (struct bytes){line.data + len, line.len - len};
    }
}

bool whip_fragment_read(struct bytes body, struct whip_ice *out)
{
    struct bytes line;
    *out = (struct whip_ice){bytes_of(""), bytes_of("")};
    while (next_line(&body, &line)) {
        keep_first(&out->ufrag, line, UFRAG);
        keep_first(&out->pwd, line, PWD);
    }
    return out->ufrag.len > 0;
}

/* ---- Texts of ours ------------------------------------------------------------------------- */

struct text {
    char *data; /* NULL: it is only measured */
    size_t len;
};

static void add(struct text *text, struct bytes bytes)
{
    if (text->data != NULL) {
        memcpy(text->data + text->len, bytes.data, bytes.len);
    }
    text->len += bytes.len;
}

static void add_line(struct text *text, const char *name, struct bytes value)
{
    add(text, bytes_of(name));
    add(text, value);
    add(text, bytes_of("\r\n"));
}

static void add_offer(struct text *text, const char *offer, const struct whip_ice *ice)
{
    struct bytes rest = bytes_of(offer), line;
    while (next_line(&rest, &line)) {
        if (begins(line, UFRAG)) {
            add_line(text, UFRAG, ice->ufrag);
        } else if (begins(line, PWD)) {
            add_line(text, PWD, ice->pwd);
        } else {
            add_line(text, "", line);
        }
    }
}

char *whip_fragment_apply(const char *offer, const struct whip_ice *ice)
{
    struct text measured = {0}, text = {0};
    add_offer(&measured, offer, ice);
    text.data = mem_alloc(measured.len + 1); /* zeroed */
    add_offer(&text, offer, ice);
    return text.data;
}

static bool is_of_ice(struct bytes line, bool media)
{
    static const char *const both[] = {UFRAG, PWD, "a=ice-options:"};
    static const char *const session[] = {"a=ice-lite", "a=ice-pacing:", "a=group:BUNDLE"};
    static const char *const section[] = {"m=", "a=mid:", "a=candidate:"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        found |= begins(line, both[i]) || begins(line, media ? section[i] : session[i]);
    }
    return found;
}

char *whip_fragment_of(const char *answer)
{
    struct bytes rest = bytes_of(answer), line;
    struct text text = {.data = mem_alloc(2 * rest.len + 3)}; /* each line gets two bytes at most */
    size_t section = 0;                                       /* where the present one begins */
    bool media = false, candidates = false;
    while (next_line(&rest, &line)) {
        if (begins(line, "m=")) {
            if (candidates) {
                break; /* the others of the BUNDLE have none (RFC 8843 §10.1) */
            }
            text.len = media ? section : text.len;
            section = text.len;
            media = true;
        }
        if (is_of_ice(line, media)) {
            add_line(&text, "", line);
            candidates |= begins(line, "a=candidate:");
        }
    }
    text.data[text.len] = '\0';
    return text.data;
}
