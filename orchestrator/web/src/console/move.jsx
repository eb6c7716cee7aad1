// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { call, pathOf } from './api.js';
import { Ask } from './ask.jsx';
import { people, regionName } from './format.js';

/** Moves a room's people to one node. nodes: all of the cluster; onMoved() after it began. */
export function Move({ room, nodes, token, onMoved }) {
  const [to, setTo] = useState('');
  const [asked, setAsked] = useState(false);
  const goals = nodes.filter(({ state }) => state === 'ready').sort((a, b) => a.name.localeCompare(b.name));
  const goal = goals.find(({ id }) => id === to);
  const there = room.nodes.find(({ id }) => id === to)?.participants ?? 0;
  const close = (done) => {
    setAsked(false);
    if (done) {
      onMoved();
    }
  };
  return (
    <>
      <label className="inline">
        Move everybody to
        <select value={goal ? to : ''} onChange={(event) => setTo(event.target.value)}>
          <option value="">a node</option>
          {goals.map(({ id, name, region }) => (
            <option key={id} value={id}>
              {name} ({regionName(region)})
            </option>
          ))}
        </select>
      </label>
      <button disabled={!goal} onClick={() => setAsked(true)}>
        Move
      </button>
      {asked && goal && (
        <Ask
          title={`Move ${room.name} to ${goal.name}?`}
          label={`Move ${people(room.participants - there)}`}
          act={() => call(token, 'POST', `rooms/${pathOf(room.name)}/move`, { body: { to } })}
          onClose={close}
        >
          <p>
            {people(room.participants - there)} will move to {goal.name}
            {there > 0 && `, where ${people(there)} of it ${there === 1 ? 'is' : 'are'} already`}. Placement is not asked: it may bring
            people far from their region.
          </p>
        </Ask>
      )}
    </>
  );
}
