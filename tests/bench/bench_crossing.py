# SPDX-License-Identifier: Apache-2.0
"""Goal: what crosses from one region to another of a mixed room: eight publishers of three layers
in one, twenty viewers in the other. All in small tiles; then one run with medium ones. In the same
run, by the nodes' counters: what the publishers sent, which is what forwarding everything costs.

    bench_crossing.py BUILD_DIRECTORY
"""
from rig import LOOPBACK, Rig, amount, begin, check_served

PUBLISHERS, VIEWERS = 8, 20
SECONDS = amount(6, 2)
TILES = ("320x180", "640x360")
SETTLE_MS = 2500  # a viewer gets the largest layer first, which crosses for 1.5 s more
WANTED_PERCENT = 60


def measure(rig, tile):
    report, counted = rig.measure(rig.load(
        "--publishers", PUBLISHERS, "--receivers", VIEWERS, "--tile", tile, "--seconds", SECONDS,
        "--settle", SETTLE_MS, publish=["r1"], receive=["r2"]))
    check_served(report)
    near = counted[next(node.name for node in rig.nodes if node.region == "r1")]
    everything = near["bytes_in_total"] - near["relay_bytes_in_total"]
    crossed = near["relay_bytes_out_total"]
    saved = 100 * (1 - crossed / everything)
    print(f"tiles of {tile:8}: {everything * 8 / SECONDS / 1e6:.1f} Mbit/s published, "
          f"{crossed * 8 / SECONDS / 1e6:.2f} Mbit/s crossed: {saved:.0f} % less than everything "
          f"(wanted: {WANTED_PERCENT}); "
          f"{report['audio']['lost'] + report['video']['lost']} packets lost", flush=True)
    assert 0 < crossed < everything, "nothing was saved, or nothing crossed"


def main():
    begin()
    with Rig(LOOPBACK, nodes=1) as rig:
        for tile in amount(TILES, TILES[:1]):
            measure(rig, tile)


if __name__ == "__main__":
    main()
