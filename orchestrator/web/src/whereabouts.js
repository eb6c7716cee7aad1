// SPDX-License-Identifier: Apache-2.0
//
// Whether media go to another node than before. No event of the SDK says so, for its connection goes
// on: the client is only given candidates of the next node, and comes to use one. What tells is the
// priority of the candidate in use. Each time that somebody is given candidates they have the next
// sixteen priorities, above all before, TCP's so much lower (orchestrator/core/session/session.h,
// core/room/negotiate.c).
const GIVEN_AT_ONCE = 16;
const TCP_BELOW = 500_000;
const turnOf = ({ priority, protocol }) =>
  Math.ceil((priority + (protocol.toLowerCase() === 'tcp' ? TCP_BELOW : 0)) / GIVEN_AT_ONCE);

/** The remote candidate in use, of a report of getStats(); Firefox has no transport in it. */
function candidateInUse(stats) {
  const all = [...stats.values()];
  const { selectedCandidatePairId } = all.find(({ type }) => type === 'transport') ?? {};
  const pair =
    stats.get(selectedCandidatePairId) ??
    all.find(({ type, selected }) => type === 'candidate-pair' && selected);
  return stats.get(pair?.remoteCandidateId);
}

function lastTurnIn(sdp) {
  const given = [...sdp.matchAll(/^a=candidate:\S+ \d+ (?<protocol>\S+) (?<priority>\d+) /gm)];
  return Math.max(
    ...given.map(({ groups: { protocol, priority } }) => turnOf({ protocol, priority: Number(priority) })),
  );
}

export class Whereabouts {
  #ice; // the server's ufrag: another one when ICE began anew
  #turn; // of the candidates of the present node
  #node; // its name, where the server said it: with each join and resumption

  /** True if there was a move since the last time. */
  async moved({ engine }) {
    const transport = engine?.pcManager?.publisher;
    const sdp = transport?.getRemoteDescription()?.sdp;
    const used = sdp && candidateInUse(await transport.getStats());
    if (!used) {
      return false;
    }
    const ice = sdp.match(/^a=ice-ufrag:(\S+)/m)?.[1];
    if (ice !== this.#ice) {
      // At the node that the server named. The candidate may still be one of before.
      const node = engine.latestJoinResponse?.serverInfo?.nodeId;
      const moved = this.#node !== undefined && node !== this.#node;
      this.#ice = ice;
      this.#turn = Math.max(turnOf(used), lastTurnIn(sdp));
      this.#node = node;
      return moved;
    }
    if (turnOf(used) <= this.#turn) {
      return false;
    }
    this.#turn = turnOf(used);
    this.#node = undefined;
    return true;
  }
}
