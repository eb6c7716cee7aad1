# SPDX-License-Identifier: Apache-2.0
"""Puts this process where a systemd unit would have it: its user, what it sees of the files, which
system calls it may make. Of the directives, those that can break a program that runs well without.
"""
import ctypes
import errno
import os
import pwd
import resource
import socket
import subprocess

MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
CLONE_NEWNS = 0x20000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAP_LAST = 40
ALLOW, DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
EQUAL, MASKED_EQUAL = 4, 7
PROT_WRITE, PROT_EXEC = 2, 4

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def read_unit(path):
    """{directive: [values]} of all sections; an empty value forgets those before it."""
    unit = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            key, equals, value = line.strip().partition("=")
            if equals and not line.startswith("#"):
                unit.setdefault(key, []).append(value.strip())
    return unit


def last(unit, key, default=""):
    return unit.get(key, [default])[-1]


def is_on(unit, key):
    return last(unit, key) in ("yes", "true", "1")


# ---- Files -------------------------------------------------------------------------------------


def mount(source, target, kind, flags, data=None):
    check(libc.mount(source.encode(), target.encode(), kind and kind.encode(), flags,
                     data and data.encode()))


def see_files(unit):
    check(libc.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    user = pwd.getpwnam(last(unit, "User"))
    writable = [path.lstrip("-") for key in ("ReadWritePaths", "ReadWriteDirectories")
                for line in unit.get(key, []) for path in line.split()]
    for key, base in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib")):
        for name in unit.get(key, []):
            os.makedirs(f"{base}/{name}", exist_ok=True)
            os.chown(f"{base}/{name}", user.pw_uid, user.pw_gid)
            writable.append(f"{base}/{name}")
    for path in map(os.path.realpath, writable):
        if os.path.exists(path):
            mount(path, path, None, MS_BIND)
    if last(unit, "ProtectSystem") == "strict":
        for path in ("/", "/run"):
            mount("none", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    if is_on(unit, "ProtectHome"):
        for path in ("/root", "/home"):
            mount("none", path, "tmpfs", MS_RDONLY)
    if is_on(unit, "PrivateTmp"):
        mount("none", "/tmp", "tmpfs", MS_NOSUID)
    if last(unit, "ProtectProc") == "invisible":
        subset = ",subset=pid" if last(unit, "ProcSubset") == "pid" else ""
        mount("proc", "/proc", "proc", 0, f"hidepid=invisible{subset}")


# ---- Privileges --------------------------------------------------------------------------------


def lose_privileges(unit):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # more is not given in a container
    limit = min(hard, int(last(unit, "LimitNOFILE", "1024")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    assert unit.get("CapabilityBoundingSet") == [""], "capabilities are not known here"
    for capability in range(CAP_LAST + 1):
        check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    user = pwd.getpwnam(last(unit, "User"))
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(int(last(unit, "UMask", "022"), 8))
    if is_on(unit, "NoNewPrivileges"):
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


# ---- System calls ------------------------------------------------------------------------------


def members(group):
    """The system calls of a group such as @process."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True,
                          capture_output=True, text=True)
    found = set()
    for word in (line.strip() for line in done.stdout.splitlines()[1:]):
        if word and not word.startswith("#"):
            found |= members(word) if word.startswith("@") else {word}
    return found


def allowed_calls(unit):
    """What SystemCallFilter says; None: everything."""
    allowed = None
    for line in unit.get("SystemCallFilter", []):
        named = set()
        for word in line.lstrip("~").split():
            named |= members(word) if word.startswith("@") else {word}
        if line.startswith("~"):
            assert allowed is not None, "a list of what is forbidden alone is not known here"
            allowed -= named
        else:
            allowed = (allowed or members("@default")) | named
    return allowed


class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operation", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def rules(unit, call):
    """The comparisons of which one must hold for the call to pass."""
    if call == "socket" and "RestrictAddressFamilies" in unit:
        return [[Compare(0, EQUAL, getattr(socket, family))]
                for family in last(unit, "RestrictAddressFamilies").split()]
    if is_on(unit, "MemoryDenyWriteExecute"):
        not_executable = [Compare(2, MASKED_EQUAL, PROT_EXEC, 0)]
        if call == "mmap":
            return [not_executable, [Compare(2, MASKED_EQUAL, PROT_WRITE, 0)]]
        if call in ("mprotect", "pkey_mprotect"):
            return [not_executable]
    return [[]]


def filter_calls(unit, allowed):
    if allowed is None:
        return
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(DENY))
    for call in sorted(allowed):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        for comparisons in rules(unit, call) if number >= 0 else []:
            array = (Compare * len(comparisons))(*comparisons)
            result = seccomp.seccomp_rule_add_array(context, ALLOW, number, len(comparisons), array)
            assert result == 0, (call, result)
    assert seccomp.seccomp_load(context) == 0


def enter(unit):
    allowed = allowed_calls(unit)
    see_files(unit)
    lose_privileges(unit)
    filter_calls(unit, allowed)
