# SPDX-License-Identifier: Apache-2.0
"""Goal: what a cascade costs and repairs on a WAN, beside clients that cross the WAN themselves.

The publisher is at a leaf in one region. Receivers in the other one are at that same leaf, across
the WAN (direct), or at their own region's hub (2 hops) or leaf (3 hops), in the same run.

    SPILLWAY_LINK=build/tests/link/spillway-link bench_wan.py BUILD_DIRECTORY
"""
import os
import sys
from pathlib import Path

from rig import WAN, Rig, begin, check_served, delays, ms, wait

IN_REGIONS = Path(__file__).resolve().parents[1] / "link/in_regions"
RECEIVERS = 12  # in the far region
SETTLE_MS = 6000
PUBLISH_S = 300  # longer than anything that is measured
WANTED_MS, WANTED_LOST_PERCENT, WANTED_REPAIR = 20, 0.1, 1.2


def set_wan(words):
    with open(os.environ["SPILLWAY_LINK_CONTROL"], "w", encoding="ascii") as control:
        print(words, file=control)
    print(f"{words}, each way:")


def publish(rig, *options):
    """Media from a leaf of the near region, whose hub stays because somebody is there."""
    near = rig.load("--receivers", 2, "--seconds", PUBLISH_S, "--identity", "near", *options,
                    publish=["r1"], receive=["r1"])
    near.wait("measuring")
    hub = rig.hosts()[0]
    rig.move("near-publisher-0", rig.leaf(hub))
    rig.move("near-receiver-0", rig.leaf(hub))
    return near, hub


def place(rig, near_hub):
    """Of the receivers, those who went to the far region are brought to its hub and to its leaf,
    the others to the publisher's node."""
    far_hub = wait("somebody is in the far region", lambda: next(
        (node for node in rig.hosts() if node.region == "r2"), None))
    ways = {"direct": rig.leaf(near_hub), "2 hops": far_hub, "3 hops": rig.leaf(far_hub)}
    for i in range(RECEIVERS):
        way = "direct" if i % 2 == 0 else "2 hops" if i % 4 == 1 else "3 hops"
        rig.move(f"far-receiver-{i}", ways[way])
    return ways


def measure(rig, seconds, *options):
    """{way: what its receivers got}, and what both hubs counted."""
    near, near_hub = publish(rig, *options)
    far = rig.load("--publishers", 0, "--receivers", RECEIVERS, "--seconds", seconds, "--settle",
                   SETTLE_MS, "--identity", "far", "--lost-max", 1000000, *options, inside="r2",
                   receive=["r1", "r2"])
    far.wait("settling")
    ways = place(rig, near_hub)
    report, counted = rig.measure(far)
    check_served(report)
    near.stop()
    by_node = {rig.node_at(at["address"]): at for at in report["nodes"]}
    return ({way: by_node[node] for way, node in ways.items()}, counted[near_hub.name],
            counted[ways["2 hops"].name])


def tell(ways, kinds):
    for kind in kinds:
        print(f"  {kind} delay, ms:")
        for way, at in ways.items():
            print(f"    {way}  {delays(at, kind)}")
    for way, at in ways.items():
        lost = at["expected"] - at["received"]
        print(f"  {way}: {lost} of {at['expected']} packets stay lost "
              f"({100 * lost / at['expected']:.3f} %)", flush=True)


def delay(rig):
    set_wan("delay 40ms jitter 5ms loss 1%")
    rig.room = "delay"
    ways, _, _ = measure(rig, 20)
    tell(ways, ("audio", "video"))
    for kind in ("audio", "video"):
        p95 = {way: at[f"{kind}_delay_us"]["p95"] for way, at in ways.items()}
        added = {way: p95[way] - p95["direct"] for way in p95}
        print(f"  p95 of {kind} beyond direct: {ms(added['2 hops'])} ms at 2 hops, "
              f"{ms(added['3 hops'])} ms at 3 (wanted: at most {WANTED_MS})")


def repair(rig):
    """Video alone: nobody asks for lost audio again, because clients do not agree to that."""
    set_wan("delay 40ms jitter 5ms loss 5%")
    rig.room = "repair"
    ways, near, far = measure(rig, 60, "--video")
    tell(ways, ["video"])
    sent, again = near["relay_out_total"], near["relay_resent_total"]
    lost = sent + again - far["relay_in_total"]
    print(f"  trunk: of {sent:.0f} packets and {again:.0f} repetitions {lost:.0f} were lost; "
          f"repair {again / lost:.2f} times the loss (wanted: under {WANTED_REPAIR}, and under "
          f"{WANTED_LOST_PERCENT} % to stay lost); key frames asked for: "
          f"{far['relay_plis_sent_total']:.0f}")
    assert lost > sent / 50, "nothing to be repaired"


def main():
    if "SPILLWAY_LINK_CONTROL" not in os.environ:
        begin()  # inside nobody may go first any more, but stay there
        os.execv(IN_REGIONS, [IN_REGIONS, *sys.orig_argv])
    with Rig(WAN, nodes=2) as rig:
        delay(rig)
        repair(rig)


if __name__ == "__main__":
    main()
