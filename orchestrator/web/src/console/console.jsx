// SPDX-License-Identifier: Apache-2.0
//
// The operators' page: what the cluster is doing, by the orchestrator that served the page, and what
// an operator may change of it. It speaks to no other origin.
import './style.css';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Events, LastEvents } from './events.jsx';
import { Failovers } from './failovers.jsx';
import { clock, loadOf, percent, regionName, span } from './format.js';
import { useAnswer, useEvents, useNow } from './live.js';
import { RegionMap } from './map.jsx';
import { Nodes } from './nodes.jsx';
import { Card, Table } from './parts.jsx';
import { Rooms } from './rooms.jsx';
import { keepToken, roleOf, takeToken } from './session.js';
import { SignIn } from './signin.jsx';
import { RoomView } from './tree.jsx';

const TABS = { '': 'Fleet', rooms: 'Rooms', events: 'Events', failovers: 'Failovers' };

/** ['rooms', NAME] of #/rooms/NAME */
function wayOf(hash) {
  const [what = '', name] = hash.replace(/^#\/?/, '').split('/');
  try {
    return [what, name && decodeURIComponent(name)];
  } catch {
    return [what];
  }
}

function useWay() {
  const [way, setWay] = useState(() => wayOf(location.hash));
  useEffect(() => {
    const follow = () => setWay(wayOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return way;
}

function Sums({ snapshot }) {
  const sum = (key) => snapshot.regions.reduce((total, region) => total + region[key], 0);
  const whole = { weight: sum('weight'), reserved: sum('reserved'), capacity: sum('capacity') };
  const gone = snapshot.nodes.filter(({ state }) => state === 'gone').length;
  const load = loadOf(whole);
  const list = [
    ['People', sum('participants').toLocaleString('en'), ''],
    ['Rooms', snapshot.rooms.length.toLocaleString('en'), ''],
    ['Nodes ready', `${sum('ready')} of ${sum('nodes') + gone}`, gone ? 'bad' : sum('ready') < sum('nodes') ? 'warm' : ''],
    ['Load', percent(load), load >= 0.95 ? 'bad' : load >= 0.8 ? 'warm' : ''],
    ['Orchestrators', String(snapshot.orchestrators.length), snapshot.unanswered ? 'bad' : ''],
  ];
  return (
    <dl className="sums">
      {list.map(([name, value, level]) => (
        <div key={name} className={`card ${level}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Without those that are gone and have come again under the same name: Failovers tell of these. */
function withoutReturned(nodes) {
  const here = new Set(nodes.filter(({ state }) => state !== 'gone').map(({ name }) => name));
  return nodes.filter(({ state, name }) => state !== 'gone' || !here.has(name));
}

const Orchestrators = ({ snapshot }) => (
  <Card title="Orchestrators">
    <Table label="Orchestrators" head={['Name', 'Region', 'Rooms', 'People']}>
      {snapshot.orchestrators.map((one) => (
        <tr key={one.id}>
          <th scope="row">{one.name || one.id}</th>
          <td>{regionName(one.region)}</td>
          <td>{one.rooms}</td>
          <td>{one.participants}</td>
        </tr>
      ))}
    </Table>
    {snapshot.unanswered && (
      <p className="problem">No answer from {snapshot.unanswered.join(', ')}: its rooms are missing here.</p>
    )}
  </Card>
);

function Fleet({ snapshot: whole, news, now, token, role, refresh }) {
  const [region, setRegion] = useState(null);
  const snapshot = useMemo(() => ({ ...whole, nodes: withoutReturned(whole.nodes) }), [whole]);
  return (
    <>
      <Sums snapshot={snapshot} />
      <div className="side">
        <RegionMap snapshot={snapshot} chosen={region} onChoose={setRegion} />
        <LastEvents {...news} />
      </div>
      <Nodes
        snapshot={snapshot}
        region={region}
        token={token}
        role={role}
        onAll={() => setRegion(null)}
        onChanged={refresh}
      />
      <div className="side">
        <Failovers events={news.events} now={now} brief />
        <Orchestrators snapshot={snapshot} />
      </div>
    </>
  );
}

function Freshness({ at, since, now, version }) {
  return (
    <>
      <p className={`fresh ${since === null ? 'live' : 'stale'}`}>
        {since === null ? 'live' : `${span(Math.max(now - (at ?? since), 0))} old`} · {at === null ? 'no picture yet' : clock(at)}
        {version && <code title="version of the snapshot, as of spillctl get snapshot">{version.slice(0, 8)}</code>}
      </p>
      <div role="alert" className={since === null ? 'no banner' : 'banner'}>
        {since !== null && (
          <p>
            <strong>{location.host} does not answer since {clock(since)}.</strong>{' '}
            {at === null ? 'There is no picture yet.' : `What you see is of ${clock(at)}.`} Another orchestrator has its own console.
          </p>
        )}
      </div>
    </>
  );
}

function View({ way: [what, name], news, now, answer, token, role, onRefused }) {
  const { data: snapshot, refresh } = answer;
  if (what === 'events') {
    return <Events {...news} />;
  }
  if (what === 'failovers') {
    return <Failovers events={news.events} now={now} />;
  }
  if (what === 'rooms' && name) {
    return <RoomView key={name} nodes={snapshot?.nodes ?? []} {...{ name, token, role, onRefused }} />;
  }
  if (!snapshot) {
    return <p className="muted">Asking the orchestrator …</p>;
  }
  return what === 'rooms' ? (
    <Rooms snapshot={snapshot} />
  ) : (
    <Fleet snapshot={snapshot} news={news} now={now} token={token} role={role} refresh={refresh} />
  );
}

function Console({ token, onEnd }) {
  const way = useWay();
  const now = useNow();
  const role = roleOf(token);
  const onRefused = useCallback(
    ({ status, message }) => {
      if (status === 401 || status === 403) {
        onEnd(`This token is not accepted: ${message}.`);
      }
    },
    [onEnd],
  );
  const answer = useAnswer(token, 'snapshot', onRefused);
  const news = useEvents(token, answer.refresh);
  return (
    <>
      <header className="top">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <h1>Spillway</h1>
        <nav aria-label="Views">
          {Object.entries(TABS).map(([what, text]) => (
            <a key={what} href={`#/${what}`} aria-current={way[0] === what ? 'page' : undefined}>
              {text}
            </a>
          ))}
        </nav>
        <Freshness {...answer} now={now} version={answer.data?.version} />
        <span className="role">{role || 'no role'}</span>
        <button onClick={() => onEnd('')}>Sign out</button>
      </header>
      <main>
        <View {...{ way, news, now, answer, token, role, onRefused }} />
      </main>
    </>
  );
}

function Page() {
  const [token, setToken] = useState(takeToken);
  const [note, setNote] = useState('');
  const begin = useCallback((given) => {
    keepToken(given);
    setToken(given);
  }, []);
  const end = useCallback((text) => {
    keepToken('');
    setNote(text);
    setToken('');
  }, []);
  useEffect(() => {
    const follow = () => location.hash.startsWith('#token=') && begin(takeToken()); // a link, opened in this tab
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, [begin]);
  return token ? <Console key={token} token={token} onEnd={end} /> : <SignIn note={note} onToken={begin} />;
}

createRoot(document.getElementById('page')).render(<Page />);
