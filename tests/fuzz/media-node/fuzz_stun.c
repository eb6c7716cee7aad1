/* SPDX-License-Identifier: Apache-2.0
 *
 * Any datagram as STUN: refused, or a view whose parts lie inside it and which can be verified and
 * answered.
 */
#include "media-node/core/stun/stun.h"

static void check_inside(const struct stun_message *m, const uint8_t *part, size_t len)
{
    assert(part >= m->raw.data && part + len <= m->raw.data + m->raw.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct stun_message m;
    struct stun_message answer;
    struct bytes ufrag;
    uint8_t out[STUN_BUILD_MAX];

    (void)stun_classify(data, len);
    if (stun_parse(&m, data, len) != 0) {
        return 0;
    }
    check_inside(&m, m.transaction, STUN_TRANSACTION_LEN);
    if (m.username.data != NULL) {
        check_inside(&m, m.username.data, m.username.len);
    }
    if (stun_local_ufrag(&m, &ufrag) == 0) {
        check_inside(&m, ufrag.data, ufrag.len);
    }
    int unsigned_err = stun_check_integrity(&m, "password");
    assert((unsigned_err == ERR_NOT_FOUND) == (m.integrity_at == 0));
    int print_err = stun_check_fingerprint(&m);
    assert((print_err == ERR_NOT_FOUND) == (m.fingerprint_at == 0));

    size_t n = stun_build_error(out, &m, STUN_UNKNOWN_ATTRIBUTE, "password");
    int err = stun_parse(&answer, out, n);
    assert(err == 0 && answer.error_code == 420);
    assert(stun_check_integrity(&answer, "password") == 0);
    if (m.mapped.family != NET_NONE) {
        n = stun_build_success(out, m.transaction, &m.mapped, NULL);
        err = stun_parse(&answer, out, n);
        assert(err == 0 && net_equal(&answer.mapped, &m.mapped));
    }
    return 0;
}
