// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { people, rooms as roomsText } from './format.js';
import { Card, Table } from './parts.jsx';

const SHOWN_MAX = 200;
export const roomAddress = (name) => `#/rooms/${encodeURIComponent(name)}`;

export function Rooms({ snapshot }) {
  const [wanted, setWanted] = useState('');
  const found = snapshot.rooms
    .filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()))
    .sort((a, b) => b.participants - a.participants || a.name.localeCompare(b.name));
  return (
    <Card
      title="Rooms"
      aside={
        <input
          type="search"
          aria-label="Find a room"
          placeholder="Find a room"
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
      }
    >
      <Table label="Rooms" head={['Room', 'People', 'Publishers', 'Weight', 'Nodes']}>
        {found.slice(0, SHOWN_MAX).map((room) => (
          <tr key={room.sid}>
            <th scope="row">
              <a href={roomAddress(room.name)}>{room.name}</a>
            </th>
            <td>{room.participants}</td>
            <td>{room.publishers}</td>
            <td>{room.weight}</td>
            <td>{room.nodes.map(({ name, participants }) => `${name} (${participants})`).join(', ') || room.node_name}</td>
          </tr>
        ))}
      </Table>
      <p className="muted">
        {roomsText(found.length)} with {people(found.reduce((sum, room) => sum + room.participants, 0))}
        {found.length > SHOWN_MAX && `; the ${SHOWN_MAX} largest are shown`}
      </p>
    </Card>
  );
}
