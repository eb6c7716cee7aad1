# SPDX-License-Identifier: Apache-2.0
"""reserve: what is asked of the admin API, and what makes no sense is asked of nobody.

    reserve_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import json
import unittest
from unittest.mock import patch

from admin import NOT_FOUND, USAGE, Case, Handler

EVENT = {"id": "RV_1", "room": "all hands", "region": "eu", "people": 5000,
         "at": "2026-12-01T09:00:00Z", "for_s": 7200, "changed_us": 1, "cancelled": False,
         "missing": 5000}
ANSWERS = {"POST reservations": (200, EVENT),
           "GET reservations": (200, {"reservations": [EVENT]}),
           "POST reservations/RV_1/cancel": (200, {**EVENT, "cancelled": True})}


@patch.dict(Handler.answers, ANSWERS)
class Reserve(Case):
    ARGUMENTS = ("--room", "all hands", "--people", "5000", "--at", "2026-12-01T09:00Z", "--for",
                 "2h", "--region", "eu")

    def test_an_event_is_told(self):
        out = self.run_it("reserve", *self.ARGUMENTS, "-o", "name").stdout
        self.assertEqual(out, "RV_1\n")
        method, path, _, body = self.admin.requests[-1]
        self.assertEqual((method, path), ("POST", "/admin/v1/reservations"))
        self.assertEqual(json.loads(body), {"room": "all hands", "people": 5000, "region": "eu",
                                            "at": "2026-12-01T09:00Z", "for_s": 7200})

    def test_listed_and_cancelled(self):
        lines = self.run_it("reserve", "list").stdout.splitlines()
        self.assertEqual(lines[0].split(),
                         ["ID", "ROOM", "REGION", "PEOPLE", "MISSING", "AT", "FOR_S"])
        self.assertIn("2026-12-01T09:00:00Z", lines[1])
        self.run_it("reserve", "cancel", "RV_1")
        self.assertEqual(self.admin.requests[-1][1], "/admin/v1/reservations/RV_1/cancel")
        self.run_it("reserve", "cancel", "RV_2", exit_code=NOT_FOUND)

    def test_wrong(self):
        whole = dict(zip(self.ARGUMENTS[::2], self.ARGUMENTS[1::2]))
        for change in ({"--room": None}, {"--people": None}, {"--at": None}, {"--for": None},
                       {"--people": "many"}, {"--people": "0"}, {"--people": "5k"},
                       {"--for": "long"}, {"--for": "0s"}):
            arguments = [word for pair in {**whole, **change}.items() if pair[1] for word in pair]
            self.run_it("reserve", *arguments, exit_code=USAGE)
        for words in (("list", "all"), ("cancel",), ("cancel", ""), ("forget", "RV_1"),
                      ("list", "--room", "all hands")):
            self.run_it("reserve", *words, exit_code=USAGE)
        self.assertEqual(self.admin.requests, [])
        over = 400, {"error": "bad_request", "message": "that would be over already"}
        with patch.dict(Handler.answers, {"POST reservations": over}):  # what it alone can tell
            told = self.run_it("reserve", *self.ARGUMENTS, exit_code=USAGE).stderr
        self.assertEqual(told, "spillctl: that would be over already\n")


if __name__ == "__main__":
    unittest.main()
