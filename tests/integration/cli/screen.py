# SPDX-License-Identifier: Apache-2.0
"""A command of spillctl that goes on: on a terminal of the tests' own, or line by line."""
import json
import os
import pty
import signal
import subprocess
import termios
import time

from admin import OK, SPILLCTL, Case

WAIT_S = 30


class Screen(Case):
    def begin(self, *command, servers):
        self.terminal, slave = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        termios.tcsetwinsize(slave, (8, 100))
        self.modes = termios.tcgetattr(slave)
        self.slave = slave
        self.addCleanup(os.close, slave)
        self.program = subprocess.Popen(
            [SPILLCTL, *command, "--server", ",".join(servers)], stdin=slave, stdout=slave,
            stderr=slave, env={**os.environ, "TERM": "xterm"})
        self.addCleanup(lambda: self.program.poll() is None and self.program.kill())
        self.text = ""

    def read_until(self, *words):
        """All of them, on what was drawn last."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            self.text += os.read(self.terminal, 65536).decode(errors="replace")
            screen = self.text.rpartition("\x1b[H\x1b[J")[2]
            if all(word in screen for word in words):
                return screen
        raise AssertionError(f"{words} not in {self.text!r}")

    def ended(self):
        self.assertEqual(self.program.wait(WAIT_S), OK)
        self.assertEqual(termios.tcgetattr(self.slave), self.modes)
        self.text += os.read(self.terminal, 65536).decode()
        self.assertTrue(self.text.endswith("\x1b[?7h\x1b[?25h"), "as it was")


class Lines:
    """Of a command with -o jsonl."""

    def __init__(self, *command, servers):
        self.program = subprocess.Popen([SPILLCTL, *command, "--server", ",".join(servers)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def read(self, count):
        return [json.loads(self.program.stdout.readline()) for _ in range(count)]

    def end(self):
        """Its exit code, and what it said beside."""
        self.program.send_signal(signal.SIGINT)
        _, said = self.program.communicate(timeout=WAIT_S)
        return self.program.returncode, said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait(WAIT_S)
        self.program.stdout.close()
        self.program.stderr.close()
