// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { Confirm } from './confirm.jsx';
import { bits, loadOf, percent, regionName } from './format.js';
import { Card, Load, State, Table } from './parts.jsx';
import { may } from './session.js';

const SHOWN_MAX = 200;
const HEAD = ['Node', 'Region', 'State', 'Load', 'People', 'Rooms', 'CPU', 'In', 'Out'];
const ORDER = ['gone', 'gray', 'draining', 'cordoned', 'ready']; // what wants to be seen comes first

function sorted(nodes) {
  const rank = ({ state }) => ORDER.indexOf(state);
  return [...nodes].sort((a, b) => rank(a) - rank(b) || loadOf(b) - loadOf(a) || a.name.localeCompare(b.name));
}

const verbsOf = ({ state }) => ({ ready: ['cordon', 'drain'], cordoned: ['uncordon', 'drain'], gone: [] })[state] ?? ['uncordon'];

function Row({ node, actions, onAct }) {
  const gone = node.state === 'gone';
  return (
    <tr className={gone ? 'past' : ''}>
      <th scope="row">{node.name}</th>
      <td>{regionName(node.region)}</td>
      <td>
        <State node={node} />
      </td>
      <td>{gone ? '' : <Load of={node} />}</td>
      <td>{gone ? '' : node.transports}</td>
      <td>{gone ? '' : node.rooms}</td>
      <td>{gone ? '' : percent(node.cpu_ratio)}</td>
      <td>{gone ? '' : bits(node.bps_in)}</td>
      <td>{gone ? '' : bits(node.bps_out)}</td>
      {actions && (
        <td className="actions">
          {verbsOf(node).map((verb) => (
            <button key={verb} aria-label={`${verb} ${node.name}`} onClick={() => onAct({ verb, node })}>
              {verb}
            </button>
          ))}
        </td>
      )}
    </tr>
  );
}

/** region: the one whose nodes are shown, or null for all. onChanged() after something was done. */
export function Nodes({ snapshot, region, token, role, onAll, onChanged }) {
  const [asked, setAsked] = useState(null); // {verb, node}
  const actions = may(role, 'operate');
  const list = sorted(snapshot.nodes.filter((node) => region === null || node.region === region));
  const close = (done) => {
    setAsked(null);
    if (done) {
      onChanged();
    }
  };
  return (
    <Card
      title={region === null ? 'Nodes' : `Nodes of ${regionName(region)}`}
      aside={region !== null && <button onClick={onAll}>Show all regions</button>}
    >
      <Table label="Nodes" head={actions ? [...HEAD, 'Actions'] : HEAD}>
        {list.slice(0, SHOWN_MAX).map((node) => (
          <Row key={node.id} node={node} actions={actions} onAct={setAsked} />
        ))}
      </Table>
      {list.length > SHOWN_MAX && (
        <p className="muted">
          {list.length - SHOWN_MAX} more are not shown: choose a region, or ask <code>spillctl top</code>.
        </p>
      )}
      {list.length === 0 && <p className="muted">No node is known here.</p>}
      {asked && <Confirm key={`${asked.verb} ${asked.node.id}`} token={token} role={role} {...asked} onClose={close} />}
    </Card>
  );
}
