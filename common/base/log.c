/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base.h"

#include <stdio.h>

#define LINE_MAX_BYTES 1024

void log_write(const struct log_sink *sink, enum log_level level, const char *format, ...)
{
    if (sink == NULL || sink->write == NULL || level < sink->level_min) {
        return;
    }
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sink->write(sink->arg, level, text);
}
