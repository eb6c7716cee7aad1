# SPDX-License-Identifier: Apache-2.0
"""Completion in bash, and in zsh and fish where they are installed; and manual pages.

    completion_test.py PATH_OF_SPILLCTL [unittest arguments]
"""
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from admin import (FAILED, NODE, PERSON, ROOM, SPILLCTL, USAGE, Admin, Case, Handler, free_port,
                   node)

WAIT_S = 20
# Rooms are named by clients, who may want to see us run something.
ODD = ["my room", "a$(touch owned)", "a`touch owned`", "a;touch owned", "a'b", 'a"b', "a\\b", "a*",
       "~", "a:b", "a=b", "Gr\u00fc\u00dfe", "$HOME", "a|b", "a&b", "a>b", "#a"]
HIDDEN = ["a\nb", "a\tb", "a\x1b[2J", "\u009b"]  # nobody can type these


def places(names):
    return patch.dict(Handler.answers, {
        "GET rooms": (200, {"rooms": [{**ROOM, "name": name} for name in names]})})


KINDS = ["nodes", "rooms", "regions", "orchestrators", "capacity", "snapshot", "fleet",
         "participants"]


class Words(Case):
    """What spillctl tells scripts."""

    def offered(self, *words, kind="words", **how):
        lines = self.run_it("complete", "--", *words, **how).stdout.splitlines()
        self.assertEqual(lines[0], kind)
        return [line.split("\t")[0] for line in lines[1:]]

    def commands(self):
        lines = self.run_it("help").stdout.split("\n\n")[1].splitlines()
        return [line.split()[0] for line in lines]

    def test_commands(self):
        self.assertEqual(self.offered(""), self.commands())
        self.assertEqual(self.offered("un"), ["unpin", "uncordon"])
        self.assertEqual(self.offered("help", "co"), ["cordon", "config", "completion"])
        self.assertEqual(self.offered("fly", ""), [])
        self.assertNotIn("complete", self.commands())
        self.run_it("complete", exit_code=USAGE)

    def test_every_option(self):
        """The same as in help."""
        for command in self.commands():
            listed = re.findall(r"^  (--[\w-]+)", self.run_it("help", command).stdout, re.MULTILINE)
            self.assertEqual(self.offered(command, "--"), listed)

    def test_arguments(self):
        for words, offered in (
                 (("get", ""), KINDS),
                (("get", "n"), ["nodes"]),
                (("get", "nodes", ""), []), (("describe", ""), ["node", "room", "participant"]),
                (("describe", "node", ""), ["node-a"]), (("describe", "room", ""), ["my room"]),
                (("describe", "participant", ""), ["eve"]), (("describe", "cloud", ""), []),
                (("describe", "node", "node-a", ""), []), (("stats", "e"), ["eve"]),
                (("cordon", ""), ["node-a"]), (("cordon", "x", "y", ""), ["node-a"]),
                (("drain", "--force", "n"), ["node-a"]), (("place", ""), ["explain"]),
                (("place", "explain", ""), ["my room"]), (("place", "--dry-run", "--region", ""),
                                                          ["eu"]),
                (("move", "--room", ""), ["my room"]), (("move", "--room", "my room", ""), ["eve"]),
                (("move", "--to", ""), ["node-a"]), (("move", "--to=n"), ["--to=node-a"]),
                (("move", "--to=x"), []), (("move", "--room", "no such", ""), []),
                (("token", ""), ["create"]), (("completion", "z"), ["zsh"]),
                (("get", "nodes", "-o", "j"), ["json", "jsonl"]),
                (("get", "nodes", "--output=y"), ["--output=yaml"]),
                (("-o", ""), []), (("drain", "--deadline", ""), [])):
            self.assertEqual(self.offered(*words), offered, words)
        for words in (("get", "--token-file", ""), ("keys", "--out", ""), ("get", "--cluster=x")):
            self.assertEqual(self.offered(*words, kind="files"), [], words)

    def test_whom_it_asks(self):
        """Whom the words before say, with their token; nobody who hangs for long, and quietly."""
        other = Admin()
        self.offered("cordon", "--server", other.url, "--api-key", "k", "--api-secret=s", "")
        self.assertTrue(other.requests[0][2].startswith("Bearer "))
        self.assertEqual(self.admin.requests, [])
        other.shutdown()
        other.server_close()
        for server in (f"http://127.0.0.1:{free_port()}", "gopher://x", ",", "x" * 5000):
            done = self.run_it("complete", "--", "cordon", "--server", server, "")
            self.assertEqual(done.stdout, "words\n")
        with patch.object(Handler, "always", (403, {"error": "x", "message": "no"})):
            self.assertEqual(self.run_it("complete", "--", "cordon", "").stderr, "")

    def test_odd_names(self):
        with places(ODD + HIDDEN):
            self.assertEqual(self.offered("describe", "room", ""), ODD)


class Shells(Case):
    """Scripts as shells run them, at a terminal: each odd name arrives whole, and runs nothing."""

    def setUp(self):
        super().setUp()
        self.dir = Path(tempfile.mkdtemp(prefix="spillctl-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.env = {"PATH": f"{Path(SPILLCTL).resolve().parent}:{os.environ['PATH']}",
                    "SPILLWAY_SERVER": self.admin.url, "TERM": "dumb", "HOME": str(self.dir),
                    "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=0"}

    def at_terminal(self, command, script, *lines):
        """Types lines to a shell that has the script, and waits for what each of them prints."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe(command[0], command, self.env)
        seen = b""
        try:
            for line, wanted in ((f". {script}; echo loa''ded\n", "loaded"), *lines):
                os.write(terminal, line.encode())
                seen = self.read_until(terminal, wanted)
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        return seen

    def read_until(self, terminal, wanted):
        seen = b""
        while wanted.encode() not in seen:
            self.assertTrue(select.select([terminal], [], [], WAIT_S)[0], (wanted, seen))
            seen += os.read(terminal, 65536)
        return seen

    def script(self, shell):
        path = self.dir / f"script.{shell}"
        path.write_text(self.run_it("completion", shell).stdout)
        return path

    def typed(self, command, shell):
        """Every odd name, completed and run: what was asked for says what arrived."""
        for name in ODD:
            with places([name]):
                self.admin.requests.clear()
                self.at_terminal(command, self.script(shell),
                                 ("spillctl describe room \t", ""), ("\necho do''ne\n", "done"))
            asked = [path for _, path, *_ in self.admin.requests if "/rooms/" in path]
            self.assertEqual(len(asked), 1, (name, asked))
            self.assertEqual(asked[0], self.path_of(name))
            self.assertFalse((self.dir / "owned").exists(), name)

    def path_of(self, name):
        """As spillctl asks for it if it is told so without a shell."""
        self.admin.requests.clear()
        self.run_it("complete", "--", "move", "--room", name, "")
        return self.admin.requests[0][1].removesuffix("/participants")

    def bash(self, *words):
        """The function alone, as readline calls it."""
        done = subprocess.run(
            ["bash", "-c", f". {self.script('bash')}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1));"
             "_spillctl; printf '%s\\n' \"${COMPREPLY[@]}\"", "bash", "spillctl", *words],
            capture_output=True, text=True, env=self.env, timeout=WAIT_S)
        return done.stdout.splitlines()

    def test_bash(self):
        self.typed(["bash", "--norc", "--noprofile", "-i"], "bash")

    def test_bash_words(self):
        """Which bash takes apart at '=' and ':', and leaves quoted."""
        server = self.env.pop("SPILLWAY_SERVER")
        apart = ["--server", "http", ":", "//127.0.0.1", ":", server.rpartition(":")[2]]
        self.assertEqual(self.bash("get", *apart, ""), KINDS)
        self.assertEqual(self.bash("cordon", *apart, "no"), ["node-a"])
        self.env["SPILLWAY_SERVER"] = server
        self.assertEqual(self.bash("move", "--to", "="), ["node-a"])
        self.assertEqual(self.bash("move", "--to", "=", "no"), ["node-a"])
        self.assertEqual(self.bash("describe", "room", "my\\ r"), ["my\\ room"])
        with places(["a:b:c d", "a$(id)"]):
            self.assertEqual(self.bash("describe", "room", "a", ":", "b"), ["b:c\\ d"])
            self.assertEqual(self.bash("describe", "room", "a"), ["a:b:c\\ d", "a\\$\\(id\\)"])
            self.assertEqual(self.bash("describe", "room", '"a'), [""])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        setup = self.dir / "zsh"
        setup.write_text(f"autoload -U compinit; compinit -u -D; . {self.script('zsh')}\n")
        script = self.script
        self.script = lambda shell: script(shell) and setup
        self.typed(["zsh", "-f", "-i", "-o", "nobeep", "-o", "nobanghist"], "zsh")

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self):
        """fish quotes what it inserts itself; it completes without a terminal."""
        for line, offered in (("spillctl un", ["uncordon"]), ("spillctl get n", ["nodes"]),
                              ("spillctl cordon ", ["node-a"]), ("spillctl move --to=", [
                                  "--to=node-a"]), ("spillctl describe room my", ["my room"])):
            done = subprocess.run(["fish", "--no-config", "-c", f". {self.script('fish')};"
                                   f"complete -C '{line}'"], capture_output=True, text=True,
                                  env=self.env, timeout=WAIT_S)
            self.assertEqual([each.split("\t")[0] for each in done.stdout.splitlines()], offered,
                             done.stderr)


class Manual(Case):
    def setUp(self):
        super().setUp()
        self.dir = tempfile.mkdtemp(prefix="spillctl-man-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.run_it("man", "--out", self.dir)

    def test_pages(self):
        """One for each command, without a warning of troff's, with each option that help names."""
        commands = Words.commands(self)
        names = {"spillctl.1", *(f"spillctl-{command}.1" for command in commands)}
        self.assertEqual(set(os.listdir(self.dir)), names)
        for name in sorted(names):
            done = subprocess.run(["man", "--warnings", "-l", "-E", "UTF-8", f"{self.dir}/{name}"],
                                  capture_output=True, text=True, timeout=WAIT_S,
                                  env={"PATH": os.environ["PATH"], "MANWIDTH": "500"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            command = name.removesuffix(".1").removeprefix("spillctl").removeprefix("-")
            told = self.run_it("help", command) if command else self.run_it("help", "get")
            own, _, common = told.stdout.partition("Of every command:\n")
            for line in (own if command else common).splitlines():
                option = re.match(r"  (--[\w-]+)", line)
                self.assertTrue(not option or f"       {option[1]}" in done.stdout, line)
        self.assertIn("no colours, if it is not empty", self.page("spillctl"))
        self.assertRegex(self.page("spillctl"), r"\n +6 +no orchestrator was reached\n")

    def page(self, name):
        return subprocess.run(["man", "-l", f"{self.dir}/{name}.1"], capture_output=True, text=True,
                              check=True, timeout=WAIT_S,
                              env={"PATH": os.environ["PATH"], "MANWIDTH": "200"}).stdout

    def test_that_cannot_be_written(self):
        self.run_it("man", "--out", "/nowhere", exit_code=FAILED)
        self.run_it("man", exit_code=USAGE)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
