# SPDX-License-Identifier: Apache-2.0
"""What Prometheus records of a healthy cluster of three orchestrators and three nodes in two
regions, in promtool's notation, and what changes of it for each alert: ten minutes after the
beginning something happens."""
from dataclasses import dataclass

STEP_S = 15
STEPS = 480  # two hours
EVENT = 40   # steps: 10 minutes
ORCHESTRATORS = ("o1", "o2", "o3")
NODES = {"n1": "eu", "n2": "eu", "n3": "us"}
DAY_S = 86400
CERTIFICATE = "tls_certificate_not_after_timestamp_seconds"  # promtool's clock begins with 1970
LE = ("0.5", "0.75", "1", "2.5", "3.5", "5", "+Inf")  # of the buckets, some


def steady(value):
    return f"{value}+0x{STEPS}"


def grows(per_step, start=0):
    return f"{start}+{per_step}x{STEPS}"


def then(before, after):
    """A gauge that changes, or a counter that jumps."""
    return f"{before}+0x{EVENT - 1} {after}+0x{STEPS - EVENT}"


def then_grows(per_step, before=0):
    """A counter that stood still, or grew by so much a step."""
    return f"0+{before}x{EVENT - 1} {before * EVENT}+{per_step}x{STEPS - EVENT}"


def labelled(labels):
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def orch(name, which="o1", **labels):
    target = {"job": "spillway-orchestrator", "instance": f"{which}:7880", **labels}
    return f"spillway_orchestrator_{name}{labelled(target)}"


def node(name, which="n1"):
    target = {"job": "spillway-node", "instance": f"{which}:7890", "node": which,
              "region": NODES[which]}
    return f"{name}{labelled(target)}"


def media(name, which="n1"):
    return node(f"spillway_node_{name}", which)


def of_orchestrator(which):
    up = {"job": "spillway-orchestrator", "instance": f"{which}:7880"}
    series = {f"up{labelled(up)}": steady(1),
              orch("build_info", which, version="1.0"): steady(1)}
    series |= {orch(name, which): steady(value) for name, value in (
        ("peers", 2), ("peers_up", 2), ("peers_cut_off", 0), ("store_up", 1), ("rooms", 10),
        ("participants", 40), ("participants_without_video", 0),
        ("drain_remaining_participants", 0), ("nodes_lost_total", 0), ("loop_late_total", 1),
        ("rebalance_stuck_total", 0), (CERTIFICATE, 90 * DAY_S))}
    series[orch("joins_total", which)] = grows(3)
    series |= {orch(name, which, **labels): grows(per_step) for name, labels, per_step in (
        ("refused_total", {"reason": "bad_token"}, 5), ("refused_total", {"reason": "no_node"}, 0),
        ("refused_total", {"reason": "unknown_session"}, 0),
        ("asks_refused_total", {"reason": "full"}, 0),
        ("asks_refused_total", {"reason": "late"}, 0),
        ("placements_total", {"result": "placed", "reason": "kept"}, 3),
        ("placements_total", {"result": "refused", "reason": "full"}, 0),
        ("placements_total", {"result": "refused", "reason": "no_nodes"}, 0),
        ("gray_verdicts_total", {"verdict": "spared"}, 0),
        ("bus_refused_total", {"reason": "key"}, 0),
        ("bus_messages_dropped_total", {"socket": "control"}, 0))}
    for region in ("eu", "us"):
        count = list(NODES.values()).count(region)
        series |= {orch("nodes", which, region=region, state=state): steady(value)
                   for state, value in (("ready", count), ("gray", 0), ("gone", 0))}
        series |= {orch(f"region_{name}_weight", which, region=region): steady(value)
                   for name, value in (("capacity", 1000 * count), ("reserved", 0),
                                       ("headroom", 500 * count))}
        series[orch("region_weight", which, region=region)] = steady(300 * count)
    for le in LE:
        series[orch("node_detection_seconds_bucket", which, cause="silent", le=le)] = steady(0)
        series[orch("recovery_seconds_bucket", which, le=le)] = steady(0)
    return series


def of_node(which):
    series = {node("up", which): steady(1)}
    build = media("build_info", which).replace("}", ',version="1.0"}')
    series |= {build: steady(1), media("loop_lag_seconds", which): steady(0.002)}
    series |= {media(f"{name}_total", which): grows(per_step) for name, per_step in (
        ("packets_in", 15000), ("packets_out", 60000), ("bytes_in", 9000000),
        ("bytes_out", 36000000), ("relay_in", 3000), ("relay_spare", 3), ("udp_receive_full", 0),
        ("udp_send_full", 1), ("drop_outbox_full", 0), ("drop_control_full", 0),
        ("drop_tunnel_full", 0), ("tunnel_dropped", 0))}
    return series


HEALTHY = {series: values for which in ORCHESTRATORS
           for series, values in of_orchestrator(which).items()}
HEALTHY |= {series: values for which in NODES for series, values in of_node(which).items()}


def everywhere(name, values, **labels):
    return {orch(name, which, **labels): values for which in ORCHESTRATORS}


def times(name, seconds, **labels):
    """Of ten at each orchestrator at once, that took so long."""
    return {orch(f"{name}_bucket", which, le=le, **labels):
            then(0, 10 if float(le.replace("+Inf", "inf")) >= seconds else 0)
            for which in ORCHESTRATORS for le in LE}


@dataclass
class Case:
    alert: str
    why: str
    changes: dict
    fires_at: float  # minutes since the beginning
    labels: list     # of what fires
    quiet_at: float = 9.5
    beside: tuple = ()  # alerts that may fire, too
    step_s: int = STEP_S


EU_N1 = {"job": "spillway-node", "instance": "n1:7890", "node": "n1", "region": "eu"}
NODE_DOWN = node("up")

CASES = [
    Case("SpillwayNodeDead", "a node is judged dead", everywhere("nodes_lost_total", then(0, 1)),
         11, [{}]),
    Case("SpillwayNodeDown", "a node's probes do not answer", {NODE_DOWN: then(1, 0)},
         12.5, [EU_N1], quiet_at=11.5),
    Case("SpillwayNodeDetectionSlow", "nodes hung for long before they were found",
         times("node_detection_seconds", 4, cause="silent"), 11, [{"cause": "silent"}]),
    Case("SpillwayRecoverySlow", "people waited for media", times("recovery_seconds", 4), 11,
         [{}]),
    Case("SpillwayNodeGray", "a node is gray at one orchestrator",
         {orch("nodes", region="eu", state="gray"): then(0, 1)}, 11.5,
         [{"region": "eu", "state": "gray"}], quiet_at=10.5),
    Case("SpillwayNodesUnreached", "one more would be",
         {orch("gray_verdicts_total", verdict="spared"): then(0, 1)}, 11, [{}]),
    Case("SpillwayNodeLoopLag", "a node is late", {media("loop_lag_seconds"): then(0.002, 0.3)},
         12.5, [EU_N1], quiet_at=11.5),
    Case("SpillwayRebalanceStuck", "nobody takes people of a hot node",
         {orch("rebalance_stuck_total", "o2"): then(0, 1)}, 11, [{}]),
    Case("SpillwayDrainStuck", "a drain does not go on",
         everywhere("drain_remaining_participants", then(0, 7)), 20.5, [{}], quiet_at=19.5),
    Case("SpillwayRegionWithoutNodes", "the nodes of a region are gone",
         everywhere("nodes", then(1, 0), region="us", state="ready"), 11,
         [{"region": "us", "state": "ready"}], quiet_at=10.2),
    Case("SpillwayRegionWithoutHeadroom", "one orchestrator promised the rest of it",
         {orch("region_headroom_weight", region="eu"): then(1000, 150)}, 15.5, [{"region": "eu"}],
         quiet_at=14.5),
    Case("SpillwayPlacementRefused", "the nodes are full",
         {orch("placements_total", result="refused", reason="full"): then_grows(2)}, 15.5,
         [{"reason": "full"}], quiet_at=14.5),
    Case("SpillwayParticipantsWithoutVideo", "video is held for want of place",
         {orch("participants_without_video", "o3"): then(0, 4)}, 15.5, [{}], quiet_at=14.5),
    Case("SpillwayRegionCutOff", "a region is cut off", {orch("peers_cut_off"): then(0, 1)},
         10.5, [{}]),
    Case("SpillwayOrchestratorMissing", "two see that the third is gone",
         {orch("peers_up", which): then(2, 1) for which in ("o1", "o2")}, 11.5, [{}],
         quiet_at=10.5),
    Case("SpillwayOrchestratorsBelowMajority", "the last of three",
         {orch("peers_up"): then(2, 0)} | {orch(name, which): None for which in ("o2", "o3")
                                           for name in ("peers", "peers_up")},
         11, [{}], quiet_at=10.2, beside=("SpillwayOrchestratorMissing",)),
    Case("SpillwayOrchestratorsDown", "none answers",
         {f'up{{job="spillway-orchestrator",instance="{which}:7880"}}': then(1, 0)
          for which in ORCHESTRATORS}, 11, [{}], quiet_at=10.2),
    Case("SpillwayOrchestratorLate", "an orchestrator stands still",
         {orch("loop_late_total", "o2"): then(1, 6)}, 11,
         [{"job": "spillway-orchestrator", "instance": "o2:7880"}]),
    Case("SpillwayStoreDown", "Redis is away for one", {orch("store_up", "o2"): then(1, 0)}, 11.5,
         [{}], quiet_at=10.5),
    Case("SpillwayKeysRefused", "a node with a wrong key tries again and again",
         {orch("bus_refused_total", reason="key"): then_grows(1)}, 20.5, [{"reason": "key"}],
         quiet_at=19.5),
    Case("SpillwayCertificateEnds", "a certificate that nobody renewed",
         {orch(CERTIFICATE, "o2"): steady(14 * DAY_S + 600), orch(CERTIFICATE, "o1"): steady(0)},
         10.5, [{"job": "spillway-orchestrator", "instance": "o2:7880"}]),
    Case("SpillwayVersionsMixed", "an upgrade that nobody ended",
         {orch("build_info", "o2", version="1.0"): None,
          orch("build_info", "o2", version="1.1"): steady(1)}, 24 * 60 + 8, [{}],
         quiet_at=24 * 60 - 8, step_s=240),
    Case("SpillwayJoinErrors", "one in ten fails", {
         orch("refused_total", reason="no_node"): then_grows(4)}, 16, [{}], quiet_at=14.5),
    Case("SpillwayPacketsDropped", "a kernel's queue is full",
         {media("udp_receive_full_total"): then_grows(3000)}, 15.5, [EU_N1], quiet_at=14.5),
    Case("SpillwayControlDropped", "a node does not read",
         {orch("bus_messages_dropped_total", socket="control"): then_grows(1)}, 15.5,
         [{"socket": "control"}], quiet_at=14.5),
    Case("SpillwayRelayDuplicates", "a loop",
         {media("relay_spare_total", "n3"): then_grows(1000, 3)}, 26, [{"region": "us"}],
         quiet_at=24.5),
]
