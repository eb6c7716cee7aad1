# SPDX-License-Identifier: Apache-2.0
"""Process 1 of a host that tests install packages on: this machine's files below an overlay that
forgets, and namespaces of its own. Prints its process id once it is up; collects who ends, and
notes how in /run/ended/PID.

    unshare --mount --net --uts --ipc --pid --fork host_init.py SCRATCH NAME FILE...

Files are copied to /srv; systemctl among them takes the place of systemd's.
"""
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def set_up(scratch, name, files):
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "host", scratch)
    for part in ("upper", "work", "root"):
        (scratch / part).mkdir()
    root = scratch / "root"
    mount("-t", "overlay", "host", "-o",
          f"lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work", root)
    for file in files:
        shutil.copy2(file, root / "srv")
    mount("-t", "proc", "proc", root / "proc")
    mount("--rbind", "/dev", root / "dev")
    mount("-t", "tmpfs", "run", root / "run")
    # As where systemd runs: maintainer scripts call systemctl then. Nothing forbids them to.
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "run/ended").mkdir()
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    (root / "usr/bin/systemctl").rename(root / "usr/bin/systemctl.real")
    (root / "usr/bin/systemctl").symlink_to("/srv/systemctl")
    os.chroot(root)
    os.chdir("/")
    socket.sethostname(name)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main():
    pid = os.readlink("/proc/self")  # of the machine, whose /proc this still is
    set_up(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
    print(pid, flush=True)
    os.closerange(0, 3)
    child = os.fork()
    if child == 0:
        os.execvp("sleep", ["sleep", "infinity"])  # so that there is always somebody to wait for
    while True:
        ended, status = os.wait()
        Path(f"/run/ended/{ended}").write_text(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
