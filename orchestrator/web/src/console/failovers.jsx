// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react';
import { clock, day, span } from './format.js';
import { incidentsOf } from './incidents.js';
import { Card } from './parts.jsx';

const BRIEF_MAX = 3;

function Incident({ incident, now }) {
  const { kind, name, began, over, steps } = incident;
  return (
    <li className={over ? 'over' : 'open'}>
      <h3>
        {kind} {name} <span className="muted">{day(began)}</span>
      </h3>
      <ol className="steps">
        {steps.map(({ name: what, time, text }, i) => (
          <li key={what} className={what.replaceAll(' ', '-')}>
            <strong>{what}</strong>
            <time dateTime={new Date(time).toISOString()}>{clock(time)}</time>
            <span className="after">{i === 0 ? '' : `+ ${span(Math.max(time - steps[i - 1].time, 0))}`}</span>
            <span className="muted">{text}</span>
          </li>
        ))}
        {!over && (
          <li className="missing">
            <strong>not back</strong>
            <span className="after">for {span(Math.max(now - began, 0))}</span>
          </li>
        )}
      </ol>
    </li>
  );
}

/** brief: only the last few. */
export function Failovers({ events, now, brief = false }) {
  const all = useMemo(() => incidentsOf(events), [events]);
  const shown = brief ? all.slice(0, BRIEF_MAX) : all;
  return (
    <Card title="Failovers" aside={brief && <a href="#/failovers">All failovers</a>}>
      {shown.length === 0 && <p className="muted">No node and no orchestrator was lost, as far back as events are kept.</p>}
      <ol className="incidents">
        {shown.map((incident) => (
          <Incident key={incident.key} incident={incident} now={now} />
        ))}
      </ol>
    </Card>
  );
}
