// SPDX-License-Identifier: Apache-2.0
//
// A room as its cascade: the hub that came first, the other regions' hubs, their leaves, and over
// which hops tracks go.
import { useCallback, useEffect, useState } from 'react';
import { pathOf } from './api.js';
import { people, regionName, tracks as tracksText } from './format.js';
import { useAnswer } from './live.js';
import { Move } from './move.jsx';
import { Card, Table } from './parts.jsx';
import { may } from './session.js';

const NODE = { width: 190, height: 64 };
const GAP = { x: 110, y: 22 };
const MARGIN = 8;

/** Each node with its column and row: parents beside the middle of their children. */
export function arrange(nodes) {
  const children = (id) => nodes.filter(({ parent }) => parent === id);
  const placed = new Map();
  let rows = 0;
  const place = (node, depth) => {
    const below = children(node.id).map((child) => place(child, depth + 1));
    const row = below.length > 0 ? (below[0] + below[below.length - 1]) / 2 : rows++;
    placed.set(node.id, {
      node,
      x: MARGIN + depth * (NODE.width + GAP.x),
      y: MARGIN + row * (NODE.height + GAP.y),
    });
    return row;
  };
  nodes.filter(({ parent }) => parent === null).forEach((root) => place(root, 0));
  const extent = (key) => Math.max(0, ...[...placed.values()].map((at) => at[key]));
  return { placed, width: extent('x') + NODE.width + MARGIN, height: extent('y') + NODE.height + MARGIN };
}

/** Hops that some track takes, each with how many do: {from, to, count}. */
export function hopsOf(tracks) {
  const hops = new Map();
  for (const { from, to } of tracks.flatMap(({ edges }) => edges)) {
    const key = JSON.stringify([from, to]);
    hops.set(key, { from, to, count: (hops.get(key)?.count ?? 0) + 1 });
  }
  return [...hops.values()];
}

/** From the side of one box to the side of the other that faces it. */
function curve(a, b) {
  const middle = ({ y }) => y + NODE.height / 2;
  if (a.x === b.x) {
    const x = a.x + NODE.width;
    return `M${x} ${middle(a)} C${x + GAP.x} ${middle(a)} ${x + GAP.x} ${middle(b)} ${x} ${middle(b)}`;
  }
  const [left, right] = a.x < b.x ? [a, b] : [b, a];
  const [from, to] = [left.x + NODE.width, right.x];
  const half = (from + to) / 2;
  return `M${from} ${middle(left)} C${half} ${middle(left)} ${half} ${middle(right)} ${to} ${middle(right)}`;
}

const widthOf = (count) => 1.5 + Math.min(Math.sqrt(count), 6);

function Hops({ placed, nodes, hops }) {
  const countOf = (from, to) => hops.find((hop) => hop.from === from && hop.to === to)?.count ?? 0;
  const tree = nodes.filter(({ parent }) => parent !== null).map(({ id, parent }) => ({ a: parent, b: id, tree: true }));
  const known = new Set(tree.flatMap(({ a, b }) => [`${a} ${b}`, `${b} ${a}`]));
  const across = hops
    .filter(({ from, to }) => !known.has(`${from} ${to}`) && placed.has(from) && placed.has(to))
    .map(({ from, to }) => ({ a: from, b: to, tree: false }));
  return [...tree, ...across].map(({ a, b, tree: own }) => {
    const [down, up] = [countOf(a, b), own ? countOf(b, a) : 0];
    const [start, end] = [placed.get(a), placed.get(b)];
    const words = [down > 0 && `${down} →`, up > 0 && `← ${up}`].filter(Boolean).join('  ');
    return (
      <g key={`${a} ${b}`} className={`hop ${own ? '' : 'across'} ${down + up > 0 ? 'flows' : 'idle'}`}>
        <path d={curve(start, end)} strokeWidth={widthOf(down + up)} />
        {own && words && (
          <text x={end.x - 10} y={end.y + NODE.height / 2 - 8} textAnchor="end">
            {words}
          </text>
        )}
      </g>
    );
  });
}

function Box({ at, reached }) {
  const { node, x, y } = at;
  return (
    <g className={`box ${node.role} ${reached ? '' : 'dim'}`} transform={`translate(${x} ${y})`}>
      <rect width={NODE.width} height={NODE.height} rx="10" />
      <text className="name" x="14" y="26">
        {node.name}
      </text>
      <text className="what" x="14" y="47">
        {regionName(node.region)} · {node.role} · {people(node.participants)}
      </text>
    </g>
  );
}

const trackName = ({ source, kind, publisher }) =>
  `${(source === 'unknown' ? kind : source).replaceAll('_', ' ')} of ${publisher}`;

function Tree({ room, track }) {
  const { placed, width, height } = arrange(room.nodes);
  const shown = track ? [track] : room.tracks;
  const hops = hopsOf(shown);
  const reached = new Set([track?.node, ...hops.flatMap(({ from, to }) => [from, to])]);
  const described = room.nodes
    .map(({ name, role, parent }) => `${name}: ${role}${parent ? ` below ${placed.get(parent)?.node.name}` : ', the first'}`)
    .join('; ');
  return (
    <div className="scroll" role="group" aria-label="Cascade tree" tabIndex={0}>
      <svg className="tree" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={described}>
        <Hops placed={placed} nodes={room.nodes} hops={hops} />
        {[...placed.values()].map((at) => (
          <Box key={at.node.id} at={at} reached={!track || reached.has(at.node.id)} />
        ))}
      </svg>
    </div>
  );
}

function Tracks({ room }) {
  const nameOf = (id) => room.nodes.find((node) => node.id === id)?.name ?? id;
  return (
    <Table label="Tracks" head={['Track', 'Published at', 'Goes to']}>
      {room.tracks.map((track) => (
        <tr key={track.sid}>
          <th scope="row">{trackName(track)}</th>
          <td>{nameOf(track.node)}</td>
          <td>{track.edges.map(({ to }) => nameOf(to)).join(', ') || 'nobody elsewhere'}</td>
        </tr>
      ))}
    </Table>
  );
}

/** nodes: the cluster's. */
export function RoomView({ name, nodes, token, role, onRefused }) {
  const [gone, setGone] = useState('');
  const [sid, setSid] = useState('');
  const refused = useCallback(
    (failure) => (failure.status === 404 ? setGone(failure.message) : onRefused(failure)),
    [onRefused],
  );
  const { data: room, at, refresh } = useAnswer(token, `rooms/${pathOf(name)}`, refused);
  useEffect(() => setGone(''), [at]);
  const back = <a href="#/rooms">All rooms</a>;
  if (!room || gone) {
    return (
      <Card title={name} aside={back}>
        <p>{gone ? `There is no such room: ${gone}.` : 'Looking for it …'}</p>
      </Card>
    );
  }
  const track = room.tracks.find((one) => one.sid === sid);
  return (
    <>
      <Card
        title={name}
        aside={
          <>
            <label className="inline">
              Way of
              <select value={track ? sid : ''} onChange={(event) => setSid(event.target.value)}>
                <option value="">all tracks</option>
                {room.tracks.map((one) => (
                  <option key={one.sid} value={one.sid}>
                    {trackName(one)}
                  </option>
                ))}
              </select>
            </label>
            {back}
          </>
        }
      >
        <p className="muted">
          {people(room.participants)}, {tracksText(room.tracks.length)}, on {room.nodes.length === 1 ? 'one node' : `${room.nodes.length} nodes`}.
          {room.nodes.length === 0 ? ' Nobody is in it.' : ' Numbers at a line: how many tracks take that hop.'}
        </p>
        <Tree room={room} track={track} />
        {may(role, 'operate') && room.participants > 0 && (
          <div className="buttons">
            <Move room={room} nodes={nodes} token={token} onMoved={refresh} />
          </div>
        )}
      </Card>
      <Card title="Tracks">
        <Tracks room={room} />
      </Card>
    </>
  );
}
