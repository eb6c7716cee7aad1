// SPDX-License-Identifier: Apache-2.0
//
// Regions as far from each other as their nodes measure, with what flows between them. A drawing of
// latencies, not of the earth; the same as a table below it.
import { useMemo, useSyncExternalStore } from 'react';
import { bits, loadOf, nodes as nodesText, people, percent, regionName, UNKNOWN } from './format.js';
import { placeRegions } from './layout.js';
import { Card, Table } from './parts.jsx';

const WIDE = { width: 900, height: 380, margin: { x: 130, y: 90 }, least: 190 };
const NARROW = { width: 430, height: 700, margin: { x: 90, y: 90 }, least: 240 };
const RADIUS = 40;
const DOTS_MAX = 20;
const LABELS_MAX = 6; // regions: with more, labels are of the chosen one's links alone

/** Pairs that something is known of: {a, b, ms, there, back}, links or undefined. */
export function pairsOf(regions) {
  const pairs = new Map();
  for (const { name, links } of regions) {
    for (const link of links) {
      const [a, b] = [name, link.to].sort();
      const key = JSON.stringify([a, b]);
      const pair = pairs.get(key) ?? { a, b, ms: null };
      pair[name === a ? 'there' : 'back'] = link;
      pair.ms = pair.ms ?? link.distance_ms;
      pairs.set(key, pair);
    }
  }
  return [...pairs.values()];
}

/** What flows one way and the other; null if no node tells of either. */
function flowOf({ there, back }) {
  const known = [there?.bps_out, back?.bps_out].filter((bps) => bps !== null && bps !== undefined);
  return known.length === 0 ? null : known.reduce((sum, bps) => sum + bps, 0);
}

const widthOf = (bps) => (bps ? Math.min(1.5 + Math.max(0, Math.log10(bps / 10_000)) * 1.8, 12) : 1.5);

/** Beside the middle of a line, on the side away from the map's middle, where regions have no names. */
function labelPlace(from, to, box) {
  const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const outward = (x - box.width / 2) * -dy + (y - box.height / 2) * dx < 0 ? -1 : 1;
  const [nx, ny] = [(-dy / length) * outward, (dx / length) * outward];
  return {
    x: x + 14 * nx,
    y: y + 14 * ny + (ny > 0.5 ? 22 : ny < -0.5 ? 0 : 10),
    textAnchor: Math.abs(nx) < 0.35 ? 'middle' : nx < 0 ? 'end' : 'start',
  };
}

/** Where another region stands on the line, its label would lie on that: the table has it. */
const isFree = (from, to, places) =>
  Object.values(places).every(
    ({ x, y }) => Math.hypot((from.x + to.x) / 2 - x, (from.y + to.y) / 2 - y) > RADIUS + 30,
  );

function Link({ pair, from, to, box, labelled }) {
  const flow = flowOf(pair);
  const { x, y, textAnchor } = labelPlace(from, to, box);
  return (
    <g className={`link ${flow ? 'flows' : 'idle'}`}>
      <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} strokeWidth={widthOf(flow)} />
      {labelled && (
        <text x={x} y={y} style={{ textAnchor }}>
          {flow !== null && (
            <tspan x={x} className="flow">
              {bits(flow)}
            </tspan>
          )}
          <tspan x={x} dy={flow === null ? 0 : -16}>
            {pair.ms === null ? UNKNOWN : `${pair.ms} ms`}
          </tspan>
        </text>
      )}
    </g>
  );
}

function Gauge({ ratio }) {
  const around = 2 * Math.PI * RADIUS;
  const level = ratio >= 0.95 ? 'full' : ratio >= 0.8 ? 'warm' : '';
  return (
    <>
      <circle r={RADIUS} className="disc" />
      <circle
        r={RADIUS}
        className={`arc ${level}`}
        strokeDasharray={`${Math.min(ratio, 1) * around} ${around}`}
        transform="rotate(-90)"
      />
    </>
  );
}

function Dots({ list }) {
  const shown = list.slice(0, DOTS_MAX);
  return shown.map((node, i) => {
    const angle = Math.PI * (-0.5 + (i - (shown.length - 1) / 2) / 10);
    const away = RADIUS + 13;
    return (
      <circle
        key={node.id}
        className={`dot ${node.state}`}
        r="5"
        cx={away * Math.cos(angle)}
        cy={away * Math.sin(angle)}
      />
    );
  });
}

function Region({ region, list, at, chosen, onChoose }) {
  const ratio = loadOf(region);
  const gone = region.nodes === 0;
  const what = `${nodesText(region.nodes)} · ${people(region.participants)}`;
  const filled = gone ? UNKNOWN : percent(ratio);
  const choose = () => onChoose(chosen ? null : region.name);
  return (
    <g
      className={`region ${chosen ? 'chosen' : ''} ${gone ? 'gone' : ''}`}
      transform={`translate(${at.x} ${at.y})`}
      role="button"
      tabIndex={0}
      aria-pressed={chosen}
      onClick={choose}
      onKeyDown={(event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          choose();
        }
      }}
    >
      <circle r={RADIUS + 22} className="reach" />
      <Gauge ratio={ratio} />
      <Dots list={list} />
      <text className="name" y={RADIUS + 24}>
        {regionName(region.name)}
      </text>{' '}
      <text className="what" y={RADIUS + 42}>
        {what}
      </text>{' '}
      <text className="ratio" y="6">
        {filled}
      </text>
    </g>
  );
}

function LinkTable({ pairs }) {
  const loss = (link) => (link?.lost_ratio ?? null) === null ? UNKNOWN : percent(link.lost_ratio);
  return (
    <details>
      <summary>Links as a table</summary>
      <Table label="Links between regions" head={['From', 'To', 'Distance', 'Trunks', 'Load', 'Loss']}>
        {pairs.flatMap(({ a, b, ms, there, back }) =>
          [
            [a, b, there],
            [b, a, back],
          ].map(([from, to, link]) => (
            <tr key={`${from} ${to}`}>
              <th scope="row">{regionName(from)}</th>
              <td>{regionName(to)}</td>
              <td>{ms === null ? UNKNOWN : `${ms} ms`}</td>
              <td>{link?.trunks ?? 0}</td>
              <td>{bits(link?.bps_out)}</td>
              <td>{loss(link)}</td>
            </tr>
          )),
        )}
      </Table>
    </details>
  );
}

const narrow = matchMedia('(max-width: 40rem)');

/** Whether it is a phone's screen. */
const useNarrow = () =>
  useSyncExternalStore(
    (changed) => {
      narrow.addEventListener('change', changed);
      return () => narrow.removeEventListener('change', changed);
    },
    () => narrow.matches,
  );

/** chosen: name of the region whose nodes are shown, or null. */
export function RegionMap({ snapshot, chosen, onChoose }) {
  const { regions, nodes } = snapshot;
  const names = new Set(regions.map(({ name }) => name));
  const pairs = pairsOf(regions).filter(({ a, b }) => names.has(a) && names.has(b));
  const shape = JSON.stringify([regions.map(({ name }) => name), pairs.map(({ ms }) => ms && Math.round(ms / 5))]);
  // Distances change by a little all the time; the map moves only when they do by more.
  const box = useNarrow() ? NARROW : WIDE;
  const places = useMemo(() => placeRegions(regions, box), [shape, box]);
  const labelled = ({ a, b }) => regions.length <= LABELS_MAX || a === chosen || b === chosen;
  return (
    <Card title="Regions" aside={<p className="muted">as far apart as their latencies</p>}>
      <svg className="map" viewBox={`0 0 ${box.width} ${box.height}`} role="group" aria-label="Map of regions by latency">
        {pairs.map((pair) => (
          <Link
            key={`${pair.a} ${pair.b}`}
            pair={pair}
            from={places[pair.a]}
            to={places[pair.b]}
            box={box}
            labelled={labelled(pair) && isFree(places[pair.a], places[pair.b], places)}
          />
        ))}
        {regions.map((region) => (
          <Region
            key={region.name}
            region={region}
            list={nodes.filter((node) => node.region === region.name)}
            at={places[region.name]}
            chosen={region.name === chosen}
            onChoose={onChoose}
          />
        ))}
      </svg>
      {pairs.length > 0 && <LinkTable pairs={pairs} />}
    </Card>
  );
}
