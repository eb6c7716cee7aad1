/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as APIs, logs and commands write and read them (RFC 3339 §5.6), in UTC, since 1970.
 */
#ifndef COMMON_RFC3339_RFC3339_H
#define COMMON_RFC3339_RFC3339_H

#include "common/base/base.h"

#define RFC3339_MAX 32 /* bytes of a text, NUL included */

/* "2026-12-01T09:00:00Z" and "2026-12-01T09:00:00.123Z", into out, which is returned. Times before
 * the year 0 or after 9999, which have no such text, become the first or the last that have one. */
const char *rfc3339_s(char out[RFC3339_MAX], int64_t unix_s);
const char *rfc3339_ms(char out[RFC3339_MAX], int64_t unix_ms);

/* More than the RFC has: seconds are optional ("2026-12-01T09:00Z", "...T10:00+01:00"). Less: the
 * letters are capitals, no second is 60, and years are 1970 to 9998, so that the time can be
 * written with any offset. Digits beyond the third after the point do not count. ERR_INVALID. */
int rfc3339_parse(int64_t *unix_ms, const char *text) MUST_CHECK;

#endif
