// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react';
import { moment } from './format.js';
import { folded } from './incidents.js';
import { Card } from './parts.jsx';

const SHOWN_MAX = 300;

function fieldsText(fields) {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

const keyOf = ({ orchestrator_id: id, cursor }) => `${id} ${cursor}`;

const Line = ({ event, text, by }) => (
  <li className={event.level}>
    <time dateTime={event.time}>{moment(new Date(event.time))}</time>
    <strong>{event.event.replaceAll('_', ' ')}</strong>
    <span className="fields">{text}</span>
    {by && <span className="muted">{by}</span>}
  </li>
);

/** Of events of several orchestrators, which one line tells of. */
function FoldedLine({ events }) {
  const [event] = events;
  const { name, region, room } = event.fields;
  return <Line event={event} text={name ?? region ?? room ?? ''} by={events.length > 1 && `told by ${events.length}`} />;
}

const Lost = ({ count }) => count > 0 && <p className="muted">{count} older events are not kept any more.</p>;

/** The last ones, for the fleet's view. */
export const LastEvents = ({ events, lost }) => (
  <Card title="Events" className="last" aside={<a href="#/events">All events</a>}>
    <ol className="events">
      {folded(events)
        .slice(-14)
        .reverse()
        .map((some) => (
          <FoldedLine key={keyOf(some[0])} events={some} />
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
          <Line key={keyOf(event)} event={event} text={fieldsText(event.fields)} by={event.orchestrator} />
        ))}
      </ol>
      {found.length === 0 && <p className="muted">There is none.</p>}
      <Lost count={lost} />
    </Card>
  );
}
