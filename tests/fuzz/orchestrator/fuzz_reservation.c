/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any text is a reservation or refused with words; one that is taken, and written, is read as
 * the same.
 */
#include "orchestrator/core/reservations/reservations.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reservation r, again;
    char why[RESERVATION_WHY_MAX] = "";
    if (reservation_parse(&r, (struct bytes){data, len}, false, why) != 0) {
        assert(why[0] != '\0');
        return 0;
    }
    char *text = reservation_text(&r);
    int err =
        reservation_parse(&again, (struct bytes){(const uint8_t *)text, strlen(text)}, false, why);
    assert(err == 0 && again.at_s == r.at_s && again.until_s == r.until_s);
    assert(strcmp(again.room, r.room) == 0 && again.changed_us == r.changed_us);
    free(text);
    return 0;
}
