/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an incoming SSRC becomes the right track and layer, by table, by header extensions, by
 * payload type; and the table stays small whatever a client does.
 */
#include "media-node/core/peer/sources.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct peer_track camera = {
    .id = 1,
    .mid = "3",
    .layers = {{.rid = "q"}, {.rid = "h"}, {.rid = "f"}},
    .layer_count = 3,
    .rtx_pts = {97},
    .rtx_pt_count = 1,
};
static const struct peer_track screen = {
    .id = 2,
    .mid = "4",
    .layers = {{.ssrc = 500, .rtx_ssrc = 501}},
    .layer_count = 1,
    .rtx_pts = {97},
    .rtx_pt_count = 1,
};

/* What a packet carries, and what it is taken for; track 0: nothing. */
static const struct {
    const char *mid;
    const char *rid;
    const char *repaired;
    uint8_t pt;
    uint32_t track;
    uint8_t layer;
    bool repair;
} packets[] = {
    {"3", "q", "", 96, 1, 0, false},  {"3", "f", "", 96, 1, 2, false},
    {"3", "", "h", 97, 1, 1, true},   {"3", "x", "", 96, 0, 0, false},
    {"3", "", "", 96, 0, 0, false}, /* simulcast without a rid could be any layer */
    {"", "q", "", 96, 0, 0, false}, /* a rid without a mid: some track's */
    {"4", "", "", 96, 2, 0, false},   {"4", "", "", 97, 2, 0, true},
    {"9", "", "", 96, 0, 0, false},   {"", "", "", 96, 0, 0, false},
    {"3", "qq", "", 96, 0, 0, false}, {"33", "q", "", 96, 0, 0, false},
};

static struct bytes value(const char *text)
{
    return (struct bytes){text[0] == '\0' ? NULL : (const uint8_t *)text, strlen(text)};
}

static void test_resolve(void **state)
{
    (void)state;
    struct sources sources = {0};
    assert_int_equal(sources_publish(&sources, &camera), 0);
    assert_int_equal(sources_publish(&sources, &screen), 0);
    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        const struct rtp_view view = {.ssrc = 1000, .pt = packets[i].pt};
        const struct rtp_exts exts = {
            .value = {[RTP_EXT_MID] = value(packets[i].mid),
                      [RTP_EXT_RID] = value(packets[i].rid),
                      [RTP_EXT_REPAIRED_RID] = value(packets[i].repaired)}};
        struct peer_source source;
        int err = sources_resolve(&sources, &view, &exts, &source);
        assert_int_equal(err, packets[i].track == 0 ? ERR_NOT_FOUND : 0);
        if (err == 0) {
            assert_int_equal(source.ssrc, 1000);
            assert_int_equal(source.track, packets[i].track);
            assert_int_equal(source.layer, packets[i].layer);
            assert_int_equal(source.repair, packets[i].repair);
        }
    }
    sources_fini(&sources);
}

static void test_signalled(void **state)
{
    (void)state;
    struct sources sources = {0};
    struct peer_track changed = screen;
    assert_int_equal(sources_publish(&sources, &screen), 0);
    assert_int_equal(sources_find(&sources, 500)->track, 2);
    assert_true(sources_find(&sources, 501)->repair);
    sources_find(&sources, 501)->arrived = true;
    changed.layers[0].ssrc = 600;
    changed.layers[0].rtx_ssrc = 601;
    assert_int_equal(sources_publish(&sources, &changed), 0);
    assert_null(sources_find(&sources, 500));     /* said no more, and never heard */
    assert_non_null(sources_find(&sources, 501)); /* heard: it stays */
    assert_non_null(sources_find(&sources, 600));
    sources_unpublish(&sources, 2);
    assert_int_equal(sources.count, 0);
    sources_unpublish(&sources, 2);
    sources_fini(&sources);
}

/* An SSRC that moves to another track (a browser reuses its sender) means what was said last. */
static void test_signalled_elsewhere(void **state)
{
    (void)state;
    struct sources sources = {0};
    struct peer_track other = screen;
    other.id = 3;
    assert_int_equal(sources_publish(&sources, &screen), 0);
    sources_find(&sources, 500)->arrived = true;
    assert_int_equal(sources_publish(&sources, &other), 0);
    assert_int_equal(sources_find(&sources, 500)->track, 3);
    assert_false(sources_find(&sources, 500)->arrived);
    assert_int_equal(sources.count, 2);
    sources_fini(&sources);
}

static void test_bounded(void **state)
{
    (void)state;
    struct sources sources = {0};
    assert_int_equal(sources_publish(&sources, &camera), 0);
    for (uint32_t ssrc = 1; ssrc <= 1000; ssrc++) {
        const struct peer_source source = {
            .ssrc = ssrc, .track = 1, .layer = (uint8_t)(ssrc % 3), .repair = ssrc % 2 == 0};
        uint32_t gone = sources_learn(&sources, &source);
        assert_int_equal(gone, ssrc <= 12 ? 0 : ssrc - 12); /* the oldest of its kind */
        assert_non_null(sources_find(&sources, ssrc));
    }
    assert_int_equal(sources.count, 3 * 2 * SOURCES_PER_LAYER);
    struct peer_track track = camera;
    for (uint32_t id = 2; id <= PEER_TRACKS_MAX; id++) {
        track.id = id;
        assert_int_equal(sources_publish(&sources, &track), 0);
    }
    track.id = PEER_TRACKS_MAX + 1;
    assert_int_equal(sources_publish(&sources, &track), ERR_FULL);
    sources_fini(&sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_signalled),
        cmocka_unit_test(test_signalled_elsewhere),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
