# SPDX-License-Identifier: Apache-2.0
"""Goal: what each hop of a cascade adds to a packet's delay. Two nodes in each of two regions, the
publisher at a leaf of one: receivers beside it, at its hub, at the other region's hub and at a leaf
there are 0 to 3 hops away in the same run.

    bench_delay.py BUILD_DIRECTORY
"""
from rig import LOOPBACK, Rig, amount, begin, check_served, delays, ms

RECEIVERS = 20
SECONDS = amount(10, 1)
SETTLE_MS = 4000
WANTED_MS = 20


def spread(rig):
    """Everybody joined at a hub. Every other receiver goes to its region's leaf, and so does the
    publisher. Returns {hops: node}."""
    hubs = rig.hosts()
    leaves = [rig.leaf(hub) for hub in hubs]
    for i in range(RECEIVERS):  # their regions take turns
        if i // 2 % 2:
            rig.move(f"load-receiver-{i}", leaves[i % 2])
    rig.move("load-publisher-0", leaves[0])
    return {0: leaves[0], 1: hubs[0], 2: hubs[1], 3: leaves[1]}


def main():
    begin()
    with Rig(LOOPBACK, nodes=2) as rig:
        load = rig.load("--receivers", RECEIVERS, "--seconds", SECONDS, "--settle", SETTLE_MS,
                        publish=["r1"], receive=["r1", "r2"])
        load.wait("settling")
        nodes = spread(rig)
        report, counted = rig.measure(load)
        check_served(report)
        by_node = {rig.node_at(at["address"]): at for at in report["nodes"]}
        far = {hops: by_node[node] for hops, node in nodes.items()}
        for kind in ("audio", "video"):
            print(f"{kind}: {report[kind]['lost']} of {report[kind]['expected']} packets lost; "
                  "delay, ms:")
            for hops, at in far.items():
                print(f"  {hops} hops  {at['receivers']:3} receivers  {delays(at, kind)}")
            added = [far[hops][f"{kind}_delay_us"]["p95"] - far[0][f"{kind}_delay_us"]["p95"]
                     for hops in far]
            print(f"  p95 added by 1, 2, 3 hops: {', '.join(map(ms, added[1:]))} ms "
                  f"(wanted: under {WANTED_MS})")
        relayed = [counted[nodes[hops].name]["relay_in_total"] for hops in nodes]
        assert relayed[0] == 0 and min(relayed[1:]) > 0, "not a chain of three hops"


if __name__ == "__main__":
    main()
