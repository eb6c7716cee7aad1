# SPDX-License-Identifier: Apache-2.0
"""Goal: what is published is whole, is gone on with after a restart, and a damaged history is set
aside, never lost."""
import logging
import tempfile
import unittest
from pathlib import Path

from probe.core import history
from probe.shell import files
from stories import LOST, OK, START, told


class Files(unittest.TestCase):
    def setUp(self):
        logging.disable()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)

    def names(self):
        return sorted(path.name for path in self.dir.iterdir())

    def test_published_and_read_back(self):
        status = told([OK, LOST])
        files.publish(self.dir, status, "Status", 60)
        self.assertEqual(self.names(), ["index.html", "status.css", "status.js", "status.json"])
        self.assertEqual({path.stat().st_mode & 0o777 for path in self.dir.iterdir()}, {0o644})
        self.assertEqual(files.read_back(self.dir, START), status)
        self.assertIn("Europe is down", (self.dir / "index.html").read_text())

    def test_assets_of_another_version_are_replaced(self):
        (self.dir / "status.css").write_text("old")
        files.publish(self.dir, told([OK]), "Status", 60)
        self.assertEqual((self.dir / "status.css").read_text(),
                         (files.PAGE / "status.css").read_text())

    def test_the_first_time(self):
        self.assertEqual(files.read_back(self.dir, START), history.new())

    def test_damaged(self):
        for text in ("{", '{"version": 2}', "x" * (history.FILE_MAX + 1)):
            (self.dir / "status.json").write_text(text)
            self.assertEqual(files.read_back(self.dir, START), history.new())
            aside = self.dir / f"status.json.damaged-{START}"
            self.assertEqual(aside.read_text(), text)
            aside.unlink()

    def test_what_cannot_be_written_stops_it_and_leaves_what_is_there(self):
        files.publish(self.dir, told([OK]), "Status", 60)
        before = (self.dir / "status.json").read_text()
        (self.dir / ".status.json.new").mkdir()
        with self.assertRaises(OSError):
            files.publish(self.dir, told([LOST]), "Status", 60)
        self.assertEqual((self.dir / "status.json").read_text(), before)


if __name__ == "__main__":
    unittest.main()
