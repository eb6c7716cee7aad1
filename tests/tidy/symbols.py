#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""symbols.py ARCHIVE...: what a core may not reach, and may not keep.

A core does no IO, has no clock and no thread, and keeps nothing between its objects: the archives
must not refer to a symbol of FORBIDDEN, and must hold no mutable object. They have to be from a
build without sanitizers, which bring symbols and data of their own.
"""

import re
import subprocess
import sys

FORBIDDEN = {
    "a clock":
        "time clock clock_gettime clock_nanosleep gettimeofday ftime timespec_get localtime "
        "localtime_r mktime sleep usleep nanosleep alarm setitimer timerfd_create times",
    "a socket":
        "socket socketpair bind listen accept accept4 connect send sendto sendmsg sendmmsg "
        "recv recvfrom recvmsg recvmmsg shutdown setsockopt getsockopt getsockname "
        "getpeername poll ppoll select pselect epoll_create epoll_create1 epoll_ctl "
        "epoll_wait getaddrinfo getnameinfo gethostbyname gethostname",
    "a file":
        "open open64 openat creat close read pread write pwrite readv writev lseek ioctl "
        "fcntl mmap munmap pipe pipe2 dup dup2 eventfd fopen fopen64 fdopen freopen fclose "
        "fread fwrite fgets fgetc getc getchar getline fseek ftell fflush stat fstat lstat "
        "access unlink rename remove mkdir rmdir opendir readdir mkstemp tmpfile",
    "print":
        "printf vprintf fprintf vfprintf dprintf vdprintf puts fputs putchar putc fputc "
        "perror syslog stdout stderr stdin __printf_chk __vprintf_chk __fprintf_chk "
        "__vfprintf_chk",
    "a thread":
        "fork vfork clone system popen execve execvp signal sigaction kill raise thrd_create "
        "mtx_init mtx_lock cnd_init",
    "randomness":
        "rand srand rand_r random srandom drand48 lrand48 arc4random arc4random_buf "
        "arc4random_uniform getrandom getentropy RAND_bytes RAND_priv_bytes",
    "the environment":
        "getenv secure_getenv setenv putenv environ __environ getpid getppid",
}
WHY = {name: why for why, names in FORBIDDEN.items() for name in names.split()}
PREFIXES = {"uv_": "libuv", "zmq_": "ZeroMQ", "redis": "hiredis", "lws_": "libwebsockets",
            "curl_": "libcurl", "usrsctp_": "usrsctp", "pthread_": "a thread", "SSL_": "libssl"}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def reason(symbol):
    if symbol in WHY:
        return WHY[symbol]
    return next((why for prefix, why in PREFIXES.items() if symbol.startswith(prefix)), None)


def forbidden_uses(archive):
    member = "?"
    for line in run("nm", "-u", archive).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        match = re.match(r"\s+U (\S+)", line)
        why = match and reason(match.group(1))
        if why:
            yield f"{archive}({member}): {match.group(1)} is {why}"


def mutable_objects(archive):
    """Objects with a size in a writable section. Constant tables of pointers are in .data.rel.ro,
    which the loader makes read-only once it has filled them in."""
    member = "?"
    for line in run("objdump", "-t", archive).splitlines():
        if re.match(r"\S+\.o: ", line):
            member = line.split(":")[0]
        match = re.match(r"[0-9a-f]+ .{7} (\.\S+|\*COM\*)\s+([0-9a-f]+)\s+(.*)", line)
        if not match or int(match.group(2), 16) == 0:
            continue
        section, name = match.group(1), match.group(3)
        writable = re.match(r"\.(data|bss|tdata|tbss)|\*COM\*", section)
        if writable and not section.startswith(".data.rel.ro"):
            yield f"{archive}({member}): {name} is mutable, in {section}"


def main():
    archives = sys.argv[1:]
    if not archives:
        sys.exit(__doc__)
    breaches = []
    for archive in archives:
        if "__asan_init" in run("nm", archive):
            sys.exit(f"{archive}: built with a sanitizer")
        breaches += list(forbidden_uses(archive)) + list(mutable_objects(archive))
    print(*breaches, sep="\n")
    print(f"{len(archives)} archives, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
