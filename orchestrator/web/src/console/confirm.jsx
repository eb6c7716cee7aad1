// SPDX-License-Identifier: Apache-2.0
//
// What is asked before a node is changed: what would happen, by numbers that are fetched now, as
// spillctl --dry-run shows them.
import { useEffect, useState } from 'react';
import { call, pathOf } from './api.js';
import { Ask } from './ask.jsx';
import { people, rooms } from './format.js';
import { State, Table } from './parts.jsx';
import { may } from './session.js';

const VERBS = {
  cordon: {
    title: 'Cordon',
    happens: () => 'It gets no new rooms. Nobody moves: whoever is on it stays, and people still join its rooms.',
  },
  uncordon: {
    title: 'Uncordon',
    happens: () => 'It takes rooms again, and if it drains, no more of its people are moved.',
  },
  drain: {
    title: 'Drain',
    happens: (node) =>
      node.transports === 0
        ? 'Nobody is on it: nobody moves. It gets no new rooms.'
        : `${people(node.transports)} in ${rooms(node.rooms)} will move to other nodes, up to 50 a second. It gets no new rooms. Uncordon ends the drain.`,
  },
};

const DryRun = ({ verb, node }) => (
  <div className="dryrun">
    <p>
      <code>
        spillctl {verb} {node.name} --dry-run
      </code>
    </p>
    <Table label="What the dry run shows" head={['Name', 'State', 'Rooms', 'Peers', 'Weight']}>
      <tr>
        <th scope="row">{node.name}</th>
        <td>
          <State node={node} />
        </td>
        <td>{node.rooms}</td>
        <td>{node.transports}</td>
        <td>{node.weight}</td>
      </tr>
    </Table>
  </div>
);

/** node as the snapshot has it; onClose(done) with whether it was done. */
export function Confirm({ token, role, verb, node: known, onClose }) {
  const [node, setNode] = useState(known);
  const [old, setOld] = useState('');
  const [force, setForce] = useState(false);
  const { title, happens } = VERBS[verb];
  const drains = verb === 'drain';
  const path = `nodes/${pathOf(known.id)}`;
  useEffect(() => {
    const control = new AbortController();
    call(token, 'GET', path, { signal: control.signal })
      .then(setNode)
      .catch(({ message }) => !control.signal.aborted && setOld(`These numbers may be old: ${message}.`));
    return () => control.abort();
  }, [token, path]);
  return (
    <Ask
      title={`${title} ${node.name}?`}
      label={drains && node.transports > 0 ? `Drain, and move ${people(node.transports)}` : title}
      danger={drains}
      act={() => call(token, 'POST', `${path}/${verb}`, { body: drains ? { force } : {} })}
      onClose={onClose}
    >
      <p>{happens(node)}</p>
      <DryRun verb={verb} node={node} />
      {old && <p className="problem">{old}</p>}
      {drains && may(role, 'admin') && (
        <label className="check">
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.target.checked)} />
          Also where the other nodes have no place for everybody: some may be left without video, or stay
        </label>
      )}
    </Ask>
  );
}
