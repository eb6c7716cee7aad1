/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base.h"

#include <stdlib.h>

const char *err_text(int err)
{
    switch (err) {
    case 0:
        return "success";
#define X(name, code, text)                                                                        \
    case code:                                                                                     \
        return text;
        ERR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

_Noreturn void base_unreachable(const char *file, int line)
{
    /* The core dump shows the place; the arguments keep it in the backtrace of a release build. */
    (void)file;
    (void)line;
    abort();
}
