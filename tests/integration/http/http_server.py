# SPDX-License-Identifier: Apache-2.0
"""The tested server as a process."""
import signal
import socket
import subprocess
import sys

SERVER = sys.argv.pop(1)


class Server:
    """A server process; arguments as in server.c."""

    def __init__(self, pages="", connections=0, ping_s=0, header_s=0, queue=0, proxied=0, tls=()):
        arguments = [pages] + [str(n) for n in (connections, ping_s, header_s, queue, proxied)]
        arguments += tls
        self.process = subprocess.Popen([SERVER] + arguments, stdout=subprocess.PIPE, text=True)
        _, port, _, probes_port = self.process.stdout.readline().split()
        self.port, self.probes_port = int(port), int(probes_port)

    def stop(self):
        """Returns the exit status and what it printed: "closed CODE" lines and the counters."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=20)
        return self.process.returncode, output

    def connect(self, port=0):
        s = socket.create_connection(("127.0.0.1", port or self.port), timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s
