// SPDX-License-Identifier: Apache-2.0
//
// Goal: at the meeting page a host locks a room and decides who comes in; who waits sees, hears and
// reads nothing, and who was removed waits again.
import { test } from 'node:test';
import { meetingPages } from './lib/cluster.mjs';
import { Stage } from './lib/stage.mjs';
import { isAccessible } from './lib/pages.mjs';
import { showsPeople, visitors } from './lib/visitors.mjs';

const stage = await Stage.open({ pages: meetingPages });
const { visit, enter, enterAsHost } = visitors(stage);

const WAITING = 'You are waiting to be let in.';
const isWaiting = (page) => page.getByText(WAITING).waitFor();

async function knock(name, page) {
  const visitor = page ?? (await visit(`/meet/${stage.room}`));
  await visitor.getByLabel('Your name').fill(name);
  await visitor.getByRole('button', { name: 'Join' }).click();
  return visitor;
}

async function hostOfLocked() {
  const host = await enterAsHost('Hanna');
  await host.getByRole('button', { name: 'People' }).click();
  await host.getByRole('switch').click();
  await host.getByText('Locked', { exact: true }).waitFor();
  return host;
}

test('who comes to a locked room waits', async () => {
  const anna = await enter('Anna');
  const host = await hostOfLocked();
  await showsPeople(host, 2);
  const bert = await knock('Bert');
  await isWaiting(bert);
  await isAccessible(bert);
  await host.getByRole('button', { name: 'People, 1 waiting' }).click(); // which closes the list
  const knocking = host.getByRole('status').filter({ hasText: 'Waiting to be let in: 1' });
  await knocking.waitFor();
  await isAccessible(host);
  await knocking.getByRole('button', { name: 'People' }).click();
  await isAccessible(host);
  await host.getByText('2 people').waitFor();
  await anna.getByRole('button', { name: 'Chat' }).click();
  await anna.getByPlaceholder('Enter a message...').fill('among us');
  await anna.keyboard.press('Enter');

  await host.getByRole('button', { name: 'Let Bert in' }).click();
  await showsPeople(bert, 3);
  await showsPeople(anna, 3);
  await bert.getByRole('button', { name: 'Chat', exact: true }).waitFor(); // nothing unread
  await anna.getByPlaceholder('Enter a message...').fill('welcome');
  await anna.keyboard.press('Enter');
  await bert.getByRole('button', { name: 'Chat, 1 unread' }).waitFor();

  await host.getByRole('button', { name: 'Remove Bert' }).click();
  await bert.getByRole('alert').filter({ hasText: 'You were removed' }).waitFor();
  await bert.reload();
  await knock('Bert', bert);
  await isWaiting(bert);
  const carla = await knock('Carla');
  await host.getByRole('button', { name: 'Remove Carla' }).click();
  await carla.getByRole('alert').filter({ hasText: 'You were removed' }).waitFor();
  await host.getByRole('switch').click();
  await showsPeople(bert, 3);
  await knock('Carla', carla); // who need not wait any more
  await showsPeople(carla, 4);
});
