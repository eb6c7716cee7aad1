// SPDX-License-Identifier: Apache-2.0
//
// Takes docs/console.png: the console of a cluster in three regions with three rooms, one of whose
// nodes was killed and came back. The programs are named as for the tests: npm run picture_console.
// With --all each view, in both schemes and on a phone's screen, in the folder that follows.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openChromium } from './lib/browsers.mjs';
import { Cluster, meetingPages } from './lib/cluster.mjs';
import { meet, operatorToken } from './lib/operators.mjs';
import { poll } from './lib/poll.mjs';

const folder = process.argv[2] === '--all' ? process.argv[3] : null;
const target = fileURLToPath(new URL('../../docs/console.png', import.meta.url));
const PATIENCE_MS = 120_000;
const people = [
  ['planning', 'amina', 'eu-west', true],
  ['planning', 'jonas', 'us-east', true],
  ['planning', 'mei', 'ap-south', false],
  ['standup', 'ida', 'eu-west', false],
];

const regions = ['eu-west', 'us-east', 'ap-south'];
const cluster = await Cluster.start({
  pages: meetingPages,
  orchestrators: regions,
  nodes: ['eu-west', 'eu-west', 'eu-west', 'us-east', 'us-east', 'ap-south', 'ap-south'],
  settings: {
    region_distances: [
      { from: 'eu-west', to: 'us-east', ms: 78 },
      { from: 'eu-west', to: 'ap-south', ms: 118 },
      { from: 'us-east', to: 'ap-south', ms: 196 },
    ],
  },
});
const browser = await openChromium();
try {
  const nodes = [];
  for (const [room, identity, region, camera] of people) {
    const { page } = await browser.open('about:blank');
    page.setDefaultTimeout(PATIENCE_MS);
    nodes.push(await meet(cluster, page, { room, identity, region, camera }));
  }
  const lost = nodes.at(-1); // ida's
  await cluster.process(lost).kill();
  await poll('she is elsewhere', PATIENCE_MS, async () => {
    const { node_name: now } = await cluster.admin('GET', 'rooms/standup/participants/ida');
    return now !== lost;
  });
  await cluster.restart(lost);
  await poll('it is back', PATIENCE_MS, () => cluster.isWhole().catch(() => false));
  await cluster.admin('POST', 'nodes/node-7/cordon', {});

  const token = await operatorToken('operate');
  const open = async (way, options) => {
    const { page } = await browser.open(`${cluster.http}/console/#token=${token}`, { viewport: { width: 1280, height: 800 }, ...options });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.getByRole('region', { name: 'Nodes' }).first().waitFor();
    await page.locator('.link .flow').first().waitFor();
    await page.evaluate((hash) => (location.hash = hash), way);
    await page.waitForTimeout(2500); // the numbers of a second picture
    return page;
  };
  const take = async (path, way, options) => {
    const page = await open(way, options);
    await page.screenshot({ path, fullPage: true });
    await page.close();
  };
  await take(target, '#/', { colorScheme: 'dark' });
  const views = { fleet: '#/', rooms: '#/rooms', room: '#/rooms/planning', events: '#/events', failovers: '#/failovers' };
  for (const [name, way] of Object.entries(folder ? views : {})) {
    await take(join(folder, `${name}-light.png`), way, { colorScheme: 'light' });
    await take(join(folder, `${name}-dark.png`), way, { colorScheme: 'dark' });
    await take(join(folder, `${name}-phone.png`), way, { colorScheme: 'dark', viewport: { width: 375, height: 800 } });
  }
  if (folder) {
    const page = await open('#/', { colorScheme: 'dark' });
    await page.getByRole('button', { name: 'drain node-1' }).click();
    await page.getByRole('dialog').waitFor();
    await page.screenshot({ path: join(folder, 'dialog.png') });
    const { page: lobby } = await browser.open(`${cluster.http}/console/`, { viewport: { width: 1280, height: 800 } });
    await lobby.screenshot({ path: join(folder, 'signin.png') });
  }
} finally {
  await browser.close();
  await cluster.stop();
}
