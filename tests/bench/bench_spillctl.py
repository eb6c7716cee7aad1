# SPDX-License-Identifier: Apache-2.0
"""Goal: what `spillctl get nodes` costs in a fleet of 10,000, beside curl fetching all of it.
CPU times of the whole process, best of RUNS; the answers are canned ones, over loopback.

    bench_spillctl.py BUILD_DIRECTORY
"""
import http.server
import json
import resource
import subprocess
import threading
import urllib.parse

from rig import SHORT_NOTE, SPILLCTL, amount

NODES = 10_000
RUNS = amount(9, 1)
FORMATS = ("table", "wide", "name", "json", "jsonl", "yaml")


def nodes():
    return [
        {"id": f"ND_{i:012}", "name": f"node-{i:05}", "region": f"region-{i % 40}", "zone": "a",
         "version": "0.1.0", "state": "ready", "suspect": False, "capacity": 4000,
         "weight": i % 3000, "reserved": 3, "rooms": i % 90, "transports": i % 700,
         "tracks": i % 900, "subscriptions": i % 4000, "cpu_ratio": i % 100 / 100,
         "loop_lag_us": i % 300, "bps_in": 1000 * i, "bps_out": 10000 * i,
         "registered_at": "2026-01-01T00:00:00Z", "heard_at": "2026-01-01T00:00:00Z", "hot": "",
         "heat_ratio": i % 100 / 100, "gray": ""} for i in range(NODES)]


def answer(path):
    """As orchestrators do: whole, or the fields that are asked for."""
    fields = urllib.parse.parse_qs(urllib.parse.urlparse(path).query).get("fields", [""])[0]
    if not fields:
        whole = {"nodes": nodes()}
    else:
        names = fields.split(",")
        whole = {"fields": names, "rows": [[node[name] for name in names] for node in nodes()]}
    return json.dumps(whole, separators=(",", ":")).encode()


def serve():
    texts = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            text = texts[self.path] = texts.get(self.path) or answer(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def cpu_ms(*command):
    used = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(used) * 1000


def main():
    url = serve()
    print(f"{NODES} nodes, {len(answer('nodes')) / 1e6:.1f} MB, CPU{SHORT_NOTE}")
    curl = cpu_ms("curl", "-s", f"{url}/admin/v1/nodes")
    print(f"{'curl':8} {curl:6.0f} ms")
    for words in FORMATS:
        used = cpu_ms(SPILLCTL, "get", "nodes", "--server", url, "-o", words)
        print(f"{words:8} {used:6.0f} ms  {used / curl:5.1f} times curl")
    print(f"{'version':8} {cpu_ms(SPILLCTL, 'version'):6.0f} ms  (to start)")


if __name__ == "__main__":
    main()
