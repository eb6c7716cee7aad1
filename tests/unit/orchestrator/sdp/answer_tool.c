/* SPDX-License-Identifier: Apache-2.0
 *
 * sdp_answer OFFER WISHES: prints the answer. Makes the golden files of tests/data/sdp, and answers
 * for real browsers when they are tried by hand.
 */
#include "tests/unit/orchestrator/sdp/wish.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: sdp_answer OFFER WISHES\n");
        return 2;
    }
    size_t offer_len;
    size_t wishes_len;
    char *offer = wish_file(argv[1], &offer_len);
    char *wishes = wish_file(argv[2], &wishes_len);
    char reason[SDP_REASON_MAX] = "";
    char *answer = wish_answer(offer, offer_len, wishes, reason);
    if (answer == NULL) {
        fprintf(stderr, "refused: %s\n", reason);
    } else {
        fputs(answer, stdout);
    }
    free(answer);
    free(wishes);
    free(offer);
    return answer == NULL;
}
