/* SPDX-License-Identifier: Apache-2.0
 *
 * Reservations of each orchestrator at all others.
 */
#include "orchestrator/core/cluster/private.h"

void reservation_effect(struct cluster *c, const struct effect *effect)
{
    Spillway__Bus__Reservation reservation = SPILLWAY__BUS__RESERVATION__INIT;
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    reservation.id = effect->name;
    reservation.text = effect->data == NULL ? reservation.text : (char *)effect->data;
    reservation.people = effect->weight;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RESERVATION;
    message.reservation = &reservation;
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].up || (c->peers[member].away && effect->data != NULL)) {
            peer_send(c, member, &message, effect->data == NULL);
        }
    }
}

void reservation_heard(struct cluster *c, const Spillway__Bus__Reservation *reservation)
{
    const char *text = reservation->text;
    if (text[0] == '\0') {
        orch_reservation_present(c->orch, c->now_us, reservation->id, reservation->people);
        return;
    }
    struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    c->stats.malformed += !orch_reservation_heard(c->orch, c->now_us, bytes, false);
}
