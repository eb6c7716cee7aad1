// SPDX-License-Identifier: Apache-2.0
//
// Failovers, made of events: a node or an orchestrator that was lost, what was done about it, and its
// return. Several orchestrators see the same death, each a moment later: the first word counts, and
// what each did adds up. So do they tell of what else happens to nodes: in short that is told once.

const at = (event) => Date.parse(event.time);
const number = (text) => Number(text) || 0;

const sum = (events, key) => events.reduce((total, { fields }) => total + number(fields[key]), 0);
const last = (events) => Math.max(...events.map(at));

function step(name, time, text) {
  return { name, time, text };
}

/** The first of such events at or after that time. */
const firstAfter = (events, time, matches) =>
  events.filter((event) => at(event) >= time && matches(event)).sort((a, b) => at(a) - at(b))[0];

/** A node that was only slow registers again as the same one, and may die once more: deaths by turns. */
function turnsOf(events, id, deaths) {
  const returns = events.filter(({ event, fields }) => event === 'node_registered' && fields.node === id).map(at);
  const turns = [];
  for (const death of [...deaths].sort((a, b) => at(a) - at(b))) {
    const before = turns.at(-1)?.at(-1);
    if (!before || returns.some((time) => time > at(before) && time <= at(death))) {
      turns.push([]);
    }
    turns.at(-1).push(death);
  }
  return turns;
}

/** all: of every turn; deaths: of this one, which ends with the next. */
function nodeIncident(all, id, deaths, next) {
  const detected = Math.min(...deaths.map(at));
  const until = next ? Math.min(...next.map(at)) : Infinity;
  const events = all.filter((event) => at(event) >= detected && at(event) < until);
  const first = deaths.find((event) => at(event) === detected);
  const died = Math.min(...deaths.map((event) => at(event) - number(event.fields.silent_ms)));
  const { name, cause } = first.fields;
  const moved = events.filter(({ event, fields }) => event === 'node_evacuated' && fields.node === id);
  const stays = events.filter(({ event, fields }) => event === 'room_stays' && fields.node === id);
  const back = firstAfter(events, detected, ({ event, fields }) => event === 'node_registered' && fields.name === name);
  const steps = [
    step('last heard', died, ''),
    step('detected', detected, { link_lost: 'its connection broke', silent: 'it fell silent' }[cause] ?? cause),
  ];
  if (moved.length > 0) {
    const [count, rooms] = [sum(moved, 'participants'), sum(moved, 'rooms')];
    steps.push(step('people moved', last(moved), `${count} in ${rooms} ${rooms === 1 ? 'room' : 'rooms'}`));
  }
  if (stays.length > 0) {
    steps.push(step('no place', last(stays), `for ${new Set(stays.map(({ fields }) => fields.room)).size} rooms`));
  }
  if (back) {
    steps.push(step('back', at(back), ''));
  }
  return { key: `${id} ${detected}`, kind: 'node', name: name || id, began: died, over: Boolean(back), steps };
}

function orchestratorIncident(events, id, losses) {
  const detected = Math.min(...losses.map(at));
  const { name } = losses[0].fields;
  const back = firstAfter(events, detected, ({ event, fields }) => event === 'peer_up' && fields.name === name);
  const until = back ? at(back) : Infinity;
  const taken = events.filter(
    (event) => event.event === 'room_taken_over' && at(event) >= detected && at(event) < Math.min(until, detected + 10_000),
  );
  const steps = [step('detected', detected, `by ${losses.map(({ orchestrator }) => orchestrator).sort().join(', ')}`)];
  if (taken.length > 0) {
    steps.push(step('rooms taken over', last(taken), `${taken.length} with ${sum(taken, 'people')} people`));
  }
  if (back) {
    steps.push(step('back', at(back), ''));
  }
  return { key: id, kind: 'orchestrator', name: name || id, began: detected, over: Boolean(back), steps };
}

function grouped(events, name, key) {
  const groups = new Map();
  for (const event of events.filter((one) => one.event === name && one.fields[key])) {
    groups.set(event.fields[key], [...(groups.get(event.fields[key]) ?? []), event]);
  }
  return [...groups];
}

const SAME_MS = 5000; // one after the other by so much at most they tell of the same

/** Of events in their order, those together that different orchestrators tell of one thing. */
export function folded(events) {
  const all = [];
  const open = new Map(); // by what is told
  for (const event of events) {
    const { event: what, orchestrator, fields } = event;
    const { node, peer, name, region, room } = fields;
    const key = JSON.stringify([what, node, peer, name, region, room]);
    const before = open.get(key);
    const isTold = before?.some((one) => one.orchestrator === orchestrator);
    if (before && !isTold && at(event) - at(before[0]) <= SAME_MS) {
      before.push(event);
    } else {
      const begun = [event];
      open.set(key, begun);
      all.push(begun);
    }
  }
  return all;
}

/** Newest first: {key, kind, name, began, over, steps: [{name, time, text}]}, times in ms since 1970. */
export function incidentsOf(events) {
  const planned = new Set(events.filter(({ event }) => event === 'peer_leaves').map(({ fields }) => fields.peer));
  return [
    ...grouped(events, 'node_dead', 'node').flatMap(([id, deaths]) =>
      turnsOf(events, id, deaths).map((turn, i, turns) => nodeIncident(events, id, turn, turns[i + 1])),
    ),
    ...grouped(events, 'peer_lost', 'peer')
      .filter(([id]) => !planned.has(id))
      .map(([id, losses]) => orchestratorIncident(events, id, losses)),
  ].sort((a, b) => b.began - a.began);
}
