/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who is let in gets the servers that the room names, as RFC 9725 has it, and nothing that
 * would break a header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/whip/private.h"

static void expect(const Livekit__ICEServer *server, const char *lines)
{
    Livekit__ICEServer *list[] = {(Livekit__ICEServer *)server};
    char *links = whip_links(list, 1);
    assert_string_equal(links, lines);
    free(links);
}

static void links(void **state)
{
    (void)state;
    char *none = whip_links(NULL, 0);
    assert_string_equal(none, "");
    free(none);

    Livekit__ICEServer server = LIVEKIT__ICESERVER__INIT;
    char *urls[] = {"turn:192.0.2.1:3478", "turns:turn.example.net:5349?transport=tcp"};
    server.urls = urls;
    server.n_urls = 1;
    expect(&server, "Link: <turn:192.0.2.1:3478>; rel=\"ice-server\"\r\n");
    server.n_urls = 2;
    server.username = "1600000600:PA_1";
    server.credential = "c2VjcmV0+/=";
    expect(&server,
           "Link: <turn:192.0.2.1:3478>; rel=\"ice-server\"; username=\"1600000600:PA_1\"; "
           "credential=\"c2VjcmV0+/=\"; credential-type=\"password\"\r\n"
           "Link: <turns:turn.example.net:5349?transport=tcp>; rel=\"ice-server\"; "
           "username=\"1600000600:PA_1\"; "
           "credential=\"c2VjcmV0+/=\"; credential-type=\"password\"\r\n");
    urls[0] = "turn:a>\r\nSet-Cookie: b";
    server.n_urls = 1;
    expect(&server, "");
    urls[0] = "turn:192.0.2.1";
    server.credential = "a\"b";
    expect(&server, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(links)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
