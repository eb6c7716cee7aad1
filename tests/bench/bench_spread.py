# SPDX-License-Identifier: Apache-2.0
"""Goal: a room that outgrows its nodes: one publisher and 300 receivers whom placement spreads over
four nodes in two regions. Everybody is served, every node has its share, and one copy of what is
watched goes from node to node.

    bench_spread.py BUILD_DIRECTORY [RECEIVERS [QUALITY]]
"""
import sys

from rig import LOOPBACK, Rig, amount, begin, check_served, delays

CAPACITY = 240  # of a node: some 100 receivers of two tracks each, to the mark where a room spans
SHARE_MIN = 0.1  # of the receivers, at each node
SECONDS = amount(6, 2)
SETTLE_MS = 2500  # a receiver gets the largest layer first, which crosses for 1.5 s more
COPIES_ERROR = 0.2  # what nodes counted and what was measured is not of quite the same time


def copies_expected(rig):
    """{node: (copies in, copies out)}, by the topology of two regions: the publisher's node is a
    hub, the first of its region; so is the first of the other one."""
    hosts = rig.hosts()
    root = hosts[0]
    far_hub = next(node for node in hosts if node.region != root.region)
    return {node.name: (0 if node is root else 1,
                        2 if node is root else 1 if node is far_hub else 0) for node in hosts}


def main():
    receivers = int(sys.argv[1]) if len(sys.argv) > 1 else amount(300, 60)
    quality = sys.argv[2] if len(sys.argv) > 2 else "low"
    begin()
    with Rig(LOOPBACK, nodes=2, capacity=CAPACITY * receivers // 300) as rig:
        load = rig.load("--receivers", receivers, "--quality", quality, "--seconds", SECONDS,
                        "--settle", SETTLE_MS, publish=["r1"], receive=["r1", "r2"])
        load.wait("settling")
        expected = copies_expected(rig)
        report, counted = rig.measure(load)
        check_served(report)
        sums = [report[kind] for kind in ("audio", "video")]
        wanted = sum(kind["expected"] for kind in sums) / receivers
        print(f"{receivers} receivers at {quality} quality, {SECONDS} s: "
              f"{sum(kind['lost'] for kind in sums)} of {sum(kind['expected'] for kind in sums)} "
              f"packets lost, {sum(kind['duplicated'] for kind in sums)} doubled; "
              f"{report['cpu']['node_ns_per_packet'] / 1000:.1f} us of node CPU a packet")
        print("node    region  receivers  copies in  copies out  delay of video, ms")
        for at in sorted(report["nodes"], key=lambda at: rig.node_at(at["address"]).name):
            node = rig.node_at(at["address"])
            copies = [counted[node.name][f"relay_{way}_total"] / wanted for way in ("in", "out")]
            print(f"{node.name}  {node.region:6}  {at['receivers']:9}  {copies[0]:9.2f}  "
                  f"{copies[1]:10.2f}  {delays(at, 'video')}")
            assert at["receivers"] >= SHARE_MIN * receivers, "a node has less than its share"
            assert all(abs(copy - right) < COPIES_ERROR
                       for copy, right in zip(copies, expected[node.name])), \
                f"{expected[node.name]} copies should have gone in and out"
        assert len(report["nodes"]) == len(rig.nodes), "a node has nobody"


if __name__ == "__main__":
    main()
