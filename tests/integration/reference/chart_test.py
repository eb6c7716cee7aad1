# SPDX-License-Identifier: Apache-2.0
"""The Helm chart's values.schema.json: below "definitions" it has the settings of both programs, as
--schema says them, less what the chart says itself and what is secret.

What is above is written by hand.
"""
import json

from page import ROOT, Pages, main, said  # noqa: F401 (Pages is a test)

PATH = "deploy/helm/spillway/values.schema.json"
PROGRAMS = {"orchestrator": "orchestrator/spillway-orchestrator",
            "node": "media-node/spillway-node"}
OWN = {  # what the chart says itself
    "orchestrator": {"name", "region", "bus", "peers", "peer_listen", "redis", "drain_grace",
                     "listen.address", "listen.port"},
    "node": {"name", "region", "workers", "drain_grace", "curve", "orchestrators", "media.ip",
             "probes"},
}
KEPT = ("type", "enum", "pattern", "minimum", "maximum", "additionalProperties")


def reduced(schema, own, path=""):
    out = {key: schema[key] for key in KEPT if key in schema}
    if "items" in schema:
        out["items"] = reduced(schema["items"], own, path)
    if "properties" in schema:
        out["properties"] = {
            name: reduced(key, own, f"{path}{name}.")
            for name, key in schema["properties"].items()
            if path + name not in own and not key.get("writeOnly")}
    return out


def text():
    schema = json.loads((ROOT / PATH).read_text())
    schema["definitions"] = {
        role: reduced(json.loads(said(program, "--schema")), OWN[role])
        for role, program in PROGRAMS.items()}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    main({PATH: text()})
