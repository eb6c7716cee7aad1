// SPDX-License-Identifier: Apache-2.0
//
// What is wanted, ms and counts, and whether to fail a run that does not reach it.

const most = (of, ms, gate = true) => ({ of, most: ms, gate });
const NONE = most('sum', 0);

/** Nobody but the programs knows that anything happened. */
const UNNOTICED = {
  reconnects: NONE,
  'other events': NONE,
  'sids changed': NONE,
  'messages astray': NONE,
};
/** Nothing gates here: a busy machine makes such gaps where nothing happens, see `undisturbed`. */
const OTHERS = { 'video, others': most('max', 100, false), 'audio, others': most('max', 100, false) };
const HANGING = {
  detect: most('max', 1_000),
  'video, own node': most('p95', 2_000),
  'audio, own node': most('p95', 2_000),
  "video, publisher's node": most('p95', 2_000),
  "audio, publisher's node": most('p95', 2_000),
  ...OTHERS,
  ...UNNOTICED,
  'kept by the old node': NONE,
};
const ORCHESTRATOR = {
  'video, others': most('max', 100, false),
  'audio, others': most('max', 100, false),
  'video, dead front': most('p95', 400, false),
  'audio, dead front': most('p95', 400, false),
  'signalling back': most('p95', 2_000, false),
  'started over': most('sum', 0, false),
  'not back within 20 s': most('sum', 0, false),
};
const OF_UNDISTURBED = (what, plus) => ({ of: 'p99', than: `${what}, undisturbed`, plus, gate: false });

export const BOUNDS = {
  undisturbed: UNNOTICED,
  crash: {
    detect: most('max', 50),
    'video, own node': most('p95', 250),
    'audio, own node': most('p95', 150),
    "video, publisher's node": most('p95', 600),
    "audio, publisher's node": most('p95', 500),
    ...OTHERS,
    ...UNNOTICED,
  },
  hang: HANGING,
  cut: HANGING,
  owner: ORCHESTRATOR,
  front: ORCHESTRATOR,
  region: {
    'video, others': most('max', 100, false),
    'audio, others': most('max', 100, false),
    'started over': most('sum', 0, false),
    'not back within 20 s': most('sum', 0, false),
  },
  drain: {
    'video, drained': OF_UNDISTURBED('video', 20),
    'audio made up, drained': OF_UNDISTURBED('audio made up', 0),
    dropped: NONE,
    'packets lost': NONE,
    'packets lost, crowd': most('sum', 0, false),
    ...UNNOTICED,
  },
  redis: { 'rooms lost': NONE, 'joins refused': NONE, reconnects: NONE, 'messages astray': NONE },
};
