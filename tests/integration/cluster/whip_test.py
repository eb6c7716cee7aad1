# SPDX-License-Identifier: Apache-2.0
"""A client of WHIP that goes away while it waits for its answer.

    whip_test.py BUILD_DIRECTORY [unittest arguments]
"""
import signal
import unittest

from cluster import join_token, metrics, wait
from orchestrators_test import Case
from participant import Participant, offer_sdp


class Gone(Case):
    def join(self, orchestrator, identity):
        person = Participant(orchestrator, "lobby", identity)
        self.addCleanup(person.close)
        return person

    def post(self, orchestrator, identity):
        offer = offer_sdp()
        s = orchestrator.connect()
        s.sendall((f"POST /whip/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n"
                   f"Authorization: Bearer {join_token('lobby', identity)}\r\n"
                   f"Content-Length: {len(offer)}\r\n\r\n{offer}").encode())
        return s

    def test_while_the_owner_of_its_room_hangs(self):
        """It is not in the room when that wakes."""
        self.join(self.all[0], "anna")
        owner = self.owner()[0]
        front = next(each for each in self.all if each is not owner)
        owner.signal(signal.SIGSTOP)
        self.post(front, "obs").close()
        wait("it is given up, before its answer is overdue",
             lambda: metrics(front)["whip_refused_total"] == 1, within_s=5)
        owner.signal(signal.SIGCONT)
        self.join(front, "bert")  # behind what was said of obs
        names = wait("its owner is asked", lambda: self.names(front, moving=True))
        self.assertIn("bert", names)
        self.assertNotIn("obs", names)
        self.assertEqual(metrics(front)["whip_opened_total"], 0)


if __name__ == "__main__":
    unittest.main()
