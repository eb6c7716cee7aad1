// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { clock } from './format.js';
import { Card } from './parts.jsx';

const SHOWN_MAX = 300;

function fieldsText(fields) {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

const keyOf = ({ orchestrator_id: id, cursor }) => `${id} ${cursor}`;

const Line = ({ event, brief }) => (
  <li className={event.level}>
    <time dateTime={event.time}>{clock(new Date(event.time))}</time>
    <strong>{event.event.replaceAll('_', ' ')}</strong>
    <span className="fields">{brief ? (event.fields.name ?? event.fields.region ?? '') : fieldsText(event.fields)}</span>
    {!brief && <span className="muted">{event.orchestrator}</span>}
  </li>
);

const Lost = ({ count }) => count > 0 && <p className="muted">{count} older events are not kept any more.</p>;

/** The last ones, for the fleet's view. */
export const LastEvents = ({ events, lost }) => (
  <Card title="Events" className="last" aside={<a href="#/events">All events</a>}>
    <ol className="events">
      {events
        .slice(-14)
        .reverse()
        .map((event) => (
          <Line key={keyOf(event)} event={event} brief />
        ))}
    </ol>
    {events.length === 0 && <p className="muted">Nothing happened yet.</p>}
    <Lost count={lost} />
  </Card>
);

export function Events({ events, lost }) {
  const [wanted, setWanted] = useState('');
  const [grave, setGrave] = useState(false);
  const found = events
    .filter((event) => !grave || event.level !== 'info')
    .filter((event) => `${event.event.replaceAll('_', ' ')} ${event.event} ${fieldsText(event.fields)}`.includes(wanted))
    .slice(-SHOWN_MAX)
    .reverse();
  return (
    <Card
      title="Events"
      aside={
        <>
          <label className="check">
            <input type="checkbox" checked={grave} onChange={(event) => setGrave(event.target.checked)} />
            warnings only
          </label>
          <input
            type="search"
            aria-label="Find events"
            placeholder="Find events"
            value={wanted}
            onChange={(event) => setWanted(event.target.value)}
          />
        </>
      }
    >
      <ol className="events">
        {found.map((event) => (
          <Line key={keyOf(event)} event={event} />
        ))}
      </ol>
      {found.length === 0 && <p className="muted">There is none.</p>}
      <Lost count={lost} />
    </Card>
  );
}
