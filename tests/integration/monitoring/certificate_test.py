# SPDX-License-Identifier: Apache-2.0
"""An orchestrator that ends TLS itself tells when its certificate ends.

    certificate_test.py BUILD_DIRECTORY [unittest arguments]
"""
import ssl
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from cluster import Cluster, wait

DAYS = 9


def make(cert, key):
    """When it ends, in seconds since 1970."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(DAYS),
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    text = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", cert], check=True,
                          capture_output=True, text=True).stdout
    return ssl.cert_time_to_seconds(text.strip().removeprefix("notAfter="))


def scrape(orchestrator, context):
    try:
        url = orchestrator.url.replace("http:", "https:") + "/metrics"
        return urllib.request.urlopen(url, context=context).read().decode()
    except OSError:
        assert orchestrator.running, orchestrator.last_words()
        return None


class Certificate(unittest.TestCase):
    def test_end(self):
        with tempfile.TemporaryDirectory() as root:
            cert, key = Path(root) / "cert.pem", Path(root) / "key.pem"
            ends_s = make(cert, key)
            files = {"tls_cert_file": str(cert), "tls_key_file": str(key)}
            with Cluster(nodes=0, settings={"listen": files}) as cluster:
                orchestrator = cluster.orchestrator.start()
                context = ssl.create_default_context(cafile=cert)
                page = wait("it serves", lambda: scrape(orchestrator, context))
                orchestrator.stop()
        self.assertIn("spillway_orchestrator_tls_certificate_not_after_timestamp_seconds "
                      f"{ends_s}\n", page)


if __name__ == "__main__":
    unittest.main()
