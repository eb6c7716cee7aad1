// SPDX-License-Identifier: Apache-2.0
//
// Goal: the operators' console shows three regions as they are, what a role may do and no more, and
// what happens while it happens; says so when its orchestrator is away; and asks no other origin.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { folded, incidentsOf } from '../../orchestrator/web/src/console/incidents.js';
import { placeRegions } from '../../orchestrator/web/src/console/layout.js';
import { API_KEY, API_SECRET, meetingPages } from './lib/cluster.mjs';
import { meet, operatorToken } from './lib/operators.mjs';
import { isAccessible, watch } from './lib/pages.mjs';
import { poll } from './lib/poll.mjs';
import { Stage } from './lib/stage.mjs';

const DEADLINE_MS = 40_000;
const stage = await Stage.open({
  pages: meetingPages,
  nodes: ['eu', 'eu', 'us', 'ap'],
  orchestrators: ['eu', 'us'],
  settings: {
    region_distances: [
      { from: 'eu', to: 'us', ms: 90 },
      { from: 'eu', to: 'ap', ms: 160 },
      { from: 'us', to: 'ap', ms: 120 },
    ],
  },
});
const { cluster } = stage;
const [chromium] = stage.browsers;

const strangers = []; // requests to other origins, and errors
const open = async () => {
  const { page } = await chromium.open('about:blank');
  page.setDefaultTimeout(DEADLINE_MS);
  watch(page, `127.0.0.1:${cluster.port}`, strangers);
  return page;
};
afterEach(() => assert.deepEqual(strangers.splice(0), []));

// One page for all tests: to load one takes longer than most of what they do.
const page = await open();
await page.goto(`${cluster.http}/console/`);

/** Of any claims. */
function forge(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part({ iss: API_KEY, ...claims })}`;
  return `${signed}.${createHmac('sha256', API_SECRET).update(signed).digest('base64url')}`;
}

/** Goes on as an operator of that role, by a link. */
async function become(role) {
  const token = await operatorToken(role);
  await page.evaluate((hash) => (location.hash = hash), `#token=${token}`);
  await page.locator('.role').getByText(role, { exact: true }).waitFor();
  await row('node-1').waitFor();
}

const row = (name) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
const buttons = (name) => row(name).getByRole('button').allTextContents();
const event = (text) => page.getByRole('listitem').filter({ hasText: text }).first();

test('tokens: bad, expired, of a participant, of each role', async () => {
  await isAccessible(page);
  const now = Math.floor(Date.now() / 1000);
  const entry = page.getByLabel('Operator token');
  const signIn = async (token) => {
    await entry.fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  for (const [token, words] of [
    ['nonsense', /not accepted: malformed token/],
    [forge({ exp: now - 300, spillway: { role: 'admin' } }), /not accepted: the token expired 3\d\d s ago/],
    [`${forge({ exp: now + 300, spillway: { role: 'admin' } }).slice(0, -4)}AAAA`, /not accepted: bad signature/],
    [await cluster.token('room', 'guest'), /may not look at the cluster: this takes the role read/],
  ]) {
    await signIn(token);
    await page.getByRole('alert').filter({ hasText: words }).waitFor();
  }
  await signIn(await operatorToken('read'));
  await row('node-1').waitFor();
  assert.deepEqual(await buttons('node-1'), []);
  await page.reload(); // it stays in this tab
  await row('node-1').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await entry.waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);

  await page.evaluate((hash) => (location.hash = hash), `#token=${forge({ exp: now - 300 })}`);
  await page.getByRole('alert').filter({ hasText: 'the token expired' }).waitFor();
  for (const [role, forces] of [['admin', 1], ['operate', 0]]) {
    await become(role);
    assert.equal(page.url(), `${cluster.http}/console/`); // and no token
    assert.deepEqual(await buttons('node-1'), ['cordon', 'drain']);
    await row('node-1').getByRole('button', { name: 'drain' }).click();
    await page.getByRole('dialog').waitFor();
    assert.equal(await page.getByRole('checkbox').count(), forces);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
});

test('the fleet as it is, in both schemes, and on a phone', async () => {
  const region = (name) => page.getByRole('button', { name: new RegExp(`^${name} `) });
  await page.getByRole('button', { name: /^eu 2 nodes · 0 people 0 %$/ }).waitFor();
  for (const distance of ['90 ms', '160 ms', '120 ms']) {
    await page.locator('.map').getByText(distance).waitFor();
  }
  const other = await cluster.admin('GET', 'snapshot', undefined, cluster.orchestrators[1].http);
  await page.locator('.fresh').getByText(other.version.slice(0, 8)).waitFor();
  await region('us').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Nodes of us' }).waitFor();
  assert.equal(await row('node-1').count(), 0);
  await row('node-3').waitFor();
  await page.getByText('Links as a table').click();
  await page.getByRole('group', { name: 'Links between regions' }).waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await isAccessible(page);
  }
  await page.getByRole('button', { name: 'Show all regions' }).click();
  await page.setViewportSize({ width: 375, height: 700 });
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 375);
  await isAccessible(page);
  await page.setViewportSize({ width: 1280, height: 800 });
});

let room; // where anna and bert are
const nodeOf = async (identity) => (await cluster.admin('GET', `rooms/${room}/participants/${identity}`)).node_name;

/** As the console describes its drawing. */
async function treeByApi() {
  const { nodes } = await cluster.admin('GET', `rooms/${room}`);
  const nameOf = (id) => nodes.find((node) => node.id === id).name;
  return nodes.map(({ name, role, parent }) => `${name}: ${role}${parent ? ` below ${nameOf(parent)}` : ', the first'}`).join('; ');
}

test('a room as its cascade tree, and a drain that is asked for twice', async () => {
  room = stage.room;
  await meet(cluster, await open(), { room, identity: 'anna', region: 'eu' });
  await meet(cluster, await open(), { room, identity: 'bert', region: 'us' });
  await page.getByRole('link', { name: 'Rooms', exact: true }).click();
  await page.getByRole('link', { name: room }).click();
  await row('microphone of anna').waitFor();
  await row('microphone of bert').waitFor();
  const tree = page.locator('.tree');
  await poll('the tree is the room\'s', DEADLINE_MS, async () => {
    const label = await tree.getAttribute('aria-label');
    return / hub, the first; .* hub below /.test(label.replaceAll(':', '')) && label === (await treeByApi());
  });
  await page.getByLabel('Way of').selectOption({ label: 'microphone of anna' });
  await page.locator('.hop.flows').waitFor();
  await isAccessible(page);
  await page.getByRole('link', { name: 'Fleet' }).click();
  await page.locator('.map').getByText(/\d [kM]?bit\/s/).first().waitFor(); // what their microphones cost

  const ask = async () => {
    await row(name).getByRole('button', { name: 'drain' }).click();
    const dialog = page.getByRole('dialog', { name: `Drain ${name}?` });
    await dialog.getByText('1 person in 1 room will move to other nodes').waitFor();
    await dialog.getByText(`spillctl drain ${name} --dry-run`).waitFor();
    return dialog;
  };
  const name = await nodeOf('bert');
  const dialog = await ask();
  await isAccessible(page);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await cluster.admin('GET', `nodes/${name}`)).state, 'ready');
  await (await ask()).getByRole('button', { name: 'Drain, and move 1 person' }).click();
  await row(name).getByText('draining').waitFor();
  await event('node drained').waitFor();
  // Whoever has no rooms on it says so at once.
  await poll('bert is elsewhere', DEADLINE_MS, async () => (await nodeOf('bert')) !== name);
  await row(name).getByRole('button', { name: 'uncordon' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Uncordon' }).click();
  await row(name).getByText('ready').waitFor();
});

test('a node that dies, in states, events and as a failover', async () => {
  await become('read');
  const name = await nodeOf('anna');
  await cluster.process(name).kill();
  await row(name).getByText('gone').waitFor();
  await page.getByText('3 of 4', { exact: true }).waitFor();
  await event('node dead').waitFor();
  const failover = page.getByRole('region', { name: 'Failovers' }).getByRole('listitem').filter({ hasText: `node ${name}` });
  for (const step of ['last heard', 'detected', 'people moved', 'not back']) {
    await failover.getByText(step).waitFor();
  }
  await isAccessible(page);
  await cluster.restart(name);
  await failover.getByText('back', { exact: true }).waitFor();
  await row(name).getByText('ready').waitFor();
  assert.equal(await row(name).count(), 1); // and none of before
  await page.getByRole('link', { name: 'All events' }).click();
  await event(`name=${name} cause=`).waitFor();
  await isAccessible(page);
  await page.getByRole('link', { name: 'Fleet' }).click();
});

test('its orchestrator is away, and comes back', async () => {
  await row('node-3').first().waitFor();
  // One that takes long to make is asked for less often: that it is away is known all the same.
  await page.route('**/snapshot', (route) => setTimeout(() => route.continue(), 4500));
  await page.waitForResponse('**/snapshot');
  await page.unrouteAll();
  await cluster.process('orchestrator').kill();
  const banner = page.getByRole('alert').filter({ hasText: /does not answer since \d\d:\d\d:\d\d/ });
  await banner.getByText(/What you see is of \d\d:\d\d:\d\d/).waitFor();
  assert.ok(await row('node-3').first().isVisible()); // the last picture stays
  await isAccessible(page);
  await cluster.restart('orchestrator');
  await banner.waitFor({ state: 'detached' });
  await page.locator('.fresh.live').waitFor();
  await poll('it is back', DEADLINE_MS, () => cluster.isWhole().catch(() => false));
});

test('what several orchestrators say of a death is one failover', () => {
  const told = (s, name, fields, orchestrator = 'or-1') => ({ time: new Date(s * 1000).toISOString(), event: name, fields, orchestrator });
  const dead = { node: 'ND_1', name: 'n1', cause: 'silent', silent_ms: '600' };
  const [node, ...rest] = incidentsOf([
    told(100, 'node_registered', { node: 'ND_1', name: 'n1' }),
    told(200, 'node_dead', dead),
    told(200.05, 'node_evacuated', { node: 'ND_1', name: 'n1', rooms: '2', participants: '7' }),
    told(200.1, 'node_dead', { ...dead, silent_ms: '650' }, 'or-2'),
    told(200.2, 'node_evacuated', { node: 'ND_1', name: 'n1', rooms: '1', participants: '3' }, 'or-2'),
    told(230, 'node_registered', { node: 'ND_2', name: 'n1' }),
    told(150, 'peer_leaves', { peer: 'OR_9', name: 'or-9' }),
    told(151, 'peer_lost', { peer: 'OR_9', name: 'or-9' }), // as it was told to
  ]);
  assert.deepEqual(rest, []);
  assert.deepEqual(
    node.steps.map(({ name, time, text }) => [name, time / 1000, text]),
    [['last heard', 199.4, ''], ['detected', 200, 'it fell silent'], ['people moved', 200.2, '10 in 3 rooms'], ['back', 230, '']],
  );
});

test('what several orchestrators tell of one thing is one line', () => {
  const told = (s, name, event, orchestrator) => ({ time: new Date(s * 1000).toISOString(), event, fields: { name }, orchestrator });
  const lines = folded([
    told(1, 'n1', 'node_cordoned', 'or-1'),
    told(1.1, 'n2', 'node_cordoned', 'or-1'),
    told(1.2, 'n1', 'node_cordoned', 'or-2'),
    told(1.3, 'n1', 'node_dead', 'or-2'),
    told(2, 'n1', 'node_cordoned', 'or-1'), // again
    told(9, 'n1', 'node_cordoned', 'or-2'),
  ]).map((some) => some.map(({ orchestrator, time }) => `${orchestrator} ${Date.parse(time) / 1000}`));
  assert.deepEqual(lines, [['or-1 1', 'or-2 1.2'], ['or-1 1.1'], ['or-2 1.3'], ['or-1 2'], ['or-2 9']]);
});

test('a node that was only slow, and dies later, is two', () => {
  const told = (s, name, fields) => ({ time: new Date(s * 1000).toISOString(), event: name, fields, orchestrator: 'or-1' });
  const node = { node: 'ND_1', name: 'n1' };
  const stories = incidentsOf([
    told(10, 'node_dead', { ...node, cause: 'witnessed', silent_ms: '600' }),
    told(13, 'node_registered', node),
    told(20, 'node_dead', { ...node, cause: 'link_lost', silent_ms: '0' }),
    told(20.1, 'node_evacuated', { ...node, rooms: '1', participants: '1' }),
  ]).map(({ over, steps }) => [over, ...steps.map(({ name, time }) => `${name} ${time / 1000}`)]);
  assert.deepEqual(stories, [
    [false, 'last heard 20', 'detected 20', 'people moved 20.1'],
    [true, 'last heard 9.4', 'detected 10', 'back 13'],
  ]);
});

test('regions stand as far apart as they are, and never on each other', () => {
  const box = { width: 900, height: 430, margin: { x: 100, y: 90 }, least: 150 };
  const regions = (list) => list.map(([name, ...links]) => ({ name, links: links.map(([to, ms]) => ({ to, distance_ms: ms })) }));
  const apart = (at, a, b) => Math.hypot(at[a].x - at[b].x, at[a].y - at[b].y);
  const three = placeRegions(regions([['a', ['b', 20], ['c', 160]], ['b', ['c', 150]], ['c']]), box);
  assert.ok(apart(three, 'a', 'c') > 2 * apart(three, 'a', 'b'), JSON.stringify(three));
  assert.deepEqual(placeRegions(regions([['a']]), box), { a: { x: 450, y: 215 } });
  for (const list of [[['a'], ['b']], [['a', ['b', null]], ['b']], [['a', ['b', 0]], ['b'], ['c']]]) {
    const at = placeRegions(regions(list), box);
    for (const { x, y } of Object.values(at)) {
      assert.ok(x > 99 && x < 801 && y > 89 && y < 341, JSON.stringify(at));
    }
    assert.ok(apart(at, 'a', 'b') > 100, JSON.stringify(at));
  }
});
