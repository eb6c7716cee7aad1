/* SPDX-License-Identifier: Apache-2.0
 *
 * What every file of Spillway may use: error codes, time, logging through a handed-in sink, memory,
 * a seeded generator, identifiers, and big-endian access. Nothing here does IO.
 */
#ifndef COMMON_BASE_BASE_H
#define COMMON_BASE_BASE_H

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK           __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, args) __attribute__((format(printf, f, args)))
#define ARRAY_LEN(a)         (sizeof(a) / sizeof((a)[0]))

#ifndef MIN /* sys/param.h, and with it uv.h, has the same */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif

/* An impossible case: a bug of ours. Stops the program in every build (style.md, rule 17). */
#define unreachable() base_unreachable(__FILE__, __LINE__)
_Noreturn void base_unreachable(const char *file, int line);

/* ---- Errors --------------------------------------------------------------------------------
 * Fallible functions return 0 or one of these, all negative. */
#define ERR_MAP(X)                                                                                 \
    X(ERR_INVALID, -1, "malformed input")                                                          \
    X(ERR_TRUNCATED, -2, "input ends too early")                                                   \
    X(ERR_TOO_BIG, -3, "larger than the limit")                                                    \
    X(ERR_NOT_FOUND, -4, "not found")                                                              \
    X(ERR_EXISTS, -5, "exists already")                                                            \
    X(ERR_FULL, -6, "no room left")                                                                \
    X(ERR_STATE, -7, "not possible in this state")                                                 \
    X(ERR_AUTH, -8, "authentication failed")                                                       \
    X(ERR_DENIED, -9, "not permitted")                                                             \
    X(ERR_UNSUPPORTED, -10, "not supported")                                                       \
    X(ERR_IO, -11, "input or output failed")                                                       \
    X(ERR_AGAIN, -12, "not now, try again")                                                        \
    X(ERR_EXPIRED, -13, "expired")                                                                 \
    X(ERR_CRYPTO, -14, "cryptographic operation failed")                                           \
    X(ERR_STALE, -15, "older than what is known")                                                  \
    X(ERR_REPLAY, -16, "seen before")

enum err {
#define X(name, code, text) name = (code),
    ERR_MAP(X)
#undef X
};

/* The text of an error code; "success" for 0. Never NULL. */
const char *err_text(int err);

/* ---- Time ----------------------------------------------------------------------------------
 * Monotonic microseconds, signed so that differences are safe. Cores take it as an argument. */
#define TIME_NEVER INT64_MAX
#define TIME_MS(n) ((int64_t)(n)*1000)
#define TIME_S(n)  ((int64_t)(n)*1000000)

/* ---- Log -----------------------------------------------------------------------------------
 * A core logs through a sink it was given; shells point it at stdout (common/logger). Lines carry
 * an event name and key=value text, never a credential and never one line per packet. */
enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_sink {
    void (*write)(void *arg, enum log_level level, const char *text); /* NULL: discard */
    void *arg;
    enum log_level level_min;
};

/* Formats into a bounded buffer (longer text is cut) and hands it to the sink. sink may be NULL. */
void log_write(const struct log_sink *sink, enum log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Length of the event name that a text begins with, 0: it begins with none. */
size_t log_event_len(const char *text);
/* A word of a text, borrowed from it: key=value, a value with spaces in double quotes. */
struct log_word {
    const char *key, *value;
    size_t key_len, value_len; /* key_len 0: a word without a key */
};
/* The first word at *rest, which moves behind it. False: there is none. */
bool log_word_next(const char **rest, struct log_word *out);

/* ---- Memory --------------------------------------------------------------------------------
 * These never return NULL: an allocation that fails stops the program, for a node or orchestrator
 * that dies is replaced in a second (docs/decisions/0002). Free with free(). */
void *mem_alloc(size_t size);               /* zeroed */
void *mem_array(size_t count, size_t size); /* zeroed; overflow stops the program */
void *mem_grow(void *old, size_t count, size_t size);
char *mem_str(const char *text);               /* NULL gives "" */
void *mem_copy(const void *bytes, size_t len); /* one spare zero byte behind; len may be 0 */

/* An arena: many small pieces with one lifetime, freed at once. Zero-initialised is empty. */
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes of the newest */
};
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for anything */
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_str(struct arena *arena, const char *text); /* NULL gives "" */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_fini(struct arena *arena);

/* ---- Randomness ----------------------------------------------------------------------------
 * xoshiro256** for jitter and simulation; never for secrets. Secrets come from a random_fn given
 * in a config: production hands in OpenSSL's RAND_bytes, a simulator a seeded stream. */
struct prng {
    uint64_t s[4];
};
void prng_seed(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
uint64_t prng_below(struct prng *prng, uint64_t bound); /* 0 .. bound-1, bound > 0 */
void prng_fill(struct prng *prng, void *out, size_t len);

struct random_source {
    void (*fill)(void *arg, void *out, size_t len); /* cryptographically strong in production */
    void *arg;
};

/* For tests and simulations: the same from the same seed. prng is borrowed. */
struct random_source prng_source(struct prng *prng);

/* ---- Identifiers ---------------------------------------------------------------------------
 * LiveKit's form: a prefix such as "PA_" and 12 base-62 characters. */
#define ID_MAX 24 /* bytes of any identifier made here, NUL included */

/* Writes prefix + 12 characters. out holds ID_MAX bytes; prefix is at most 10 characters. */
void id_new(char out[ID_MAX], const char *prefix, const struct random_source *random);

/* Fills len-1 base-62 characters and a NUL: ICE ufrag and pwd, cnames. */
void id_chars(char *out, size_t len, const struct random_source *random);

/* ---- Bytes ---------------------------------------------------------------------------------
 * A borrowed run of bytes, and big-endian access to unaligned memory. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline uint16_t be16_get(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t be24_get(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}
static inline uint32_t be32_get(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t be64_get(const uint8_t *p)
{
    return (uint64_t)be32_get(p) << 32 | be32_get(p + 4);
}
static inline void be16_put(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void be24_put(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}
static inline void be32_put(uint8_t *p, uint32_t v)
{
    be16_put(p, (uint16_t)(v >> 16));
    be16_put(p + 2, (uint16_t)v);
}
static inline void be64_put(uint8_t *p, uint64_t v)
{
    be32_put(p, (uint32_t)(v >> 32));
    be32_put(p + 4, (uint32_t)v);
}

/* Wrap-safe order of 16-bit sequence numbers and 32-bit timestamps (RFC 3550 §5.1). */
static inline int16_t seq_diff(uint16_t a, uint16_t b)
{
    return (int16_t)(uint16_t)(a - b);
}
static inline bool seq_less(uint16_t a, uint16_t b)
{
    return seq_diff(a, b) < 0;
}
static inline int32_t ts_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

#endif
