/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any text is a traceparent of a whole context, or none.
 */
#include "common/trace/trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct trace_parent parent = {0};
    struct trace_context again;
    char *text = mem_copy(data, len);
    int err = trace_parent_parse(&parent, text);
    assert(err == 0 || err == ERR_INVALID);
    assert(trace_context_read(&again, trace_context_bytes(&parent.context)) == (err == 0));
    (void)trace_context_read(&again, (struct bytes){data, len});
    free(text);
    return 0;
}
