/* SPDX-License-Identifier: Apache-2.0
 *
 * Any request to the server API: verb, path and content type on a line each, then the body. It is
 * answered, or refused with a JSON error; both are freed.
 */
#include "orchestrator/core/api/twirp.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

static void check_answer(struct twirp_answer answer)
{
    assert(answer.status >= 200 && answer.status < 600);
    if (strcmp(answer.content_type, "application/json") == 0) {
        assert(answer.body_len > 0 && answer.body[0] == '{');
        assert(wire_utf8((const char *)answer.body, answer.body_len) == answer.body_len);
    }
    free(answer.body);
}

/* The next line as text, or all that is left. */
static char *line_take(struct bytes *input)
{
    const uint8_t *end = input->len > 0 ? memchr(input->data, '\n', input->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - input->data) : input->len;
    char *line = mem_copy(input->data, len);
    size_t taken = len + (end != NULL);
    input->data += taken;
    input->len -= taken;
    return line;
}

static void call_body(struct twirp_call *call, struct bytes body)
{
    struct twirp_error error;
    if (twirp_decode(call, body, &error) != 0) {
        check_answer(twirp_fail(&error));
        return;
    }
    assert(twirp_room(call) != NULL && twirp_destination_room(call) != NULL);
    ProtobufCMessage *response = mem_alloc(call->method->response->sizeof_message);
    protobuf_c_message_init(call->method->response, response);
    check_answer(twirp_reply(call, response));
    free(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = {data, len};
    char *verb = line_take(&input);
    char *path = line_take(&input);
    char *content_type = line_take(&input);
    const struct twirp_head head = {verb, path, content_type};
    struct twirp_call call = {.request = NULL};
    struct twirp_error error;
    if (twirp_route(&call, &head, &error) == 0) {
        call_body(&call, input);
        twirp_call_fini(&call);
    } else {
        check_answer(twirp_fail(&error));
    }
    free(verb);
    free(path);
    free(content_type);
    return 0;
}
