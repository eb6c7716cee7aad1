// SPDX-License-Identifier: Apache-2.0
//
// Operators in front of the console, and people in meetings for them to look at.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { API_KEY, API_SECRET } from './cluster.mjs';
import { poll } from './poll.mjs';

const JOIN_MS = 20_000;

/** As an operator gets it. */
export async function operatorToken(role) {
  const env = { ...process.env, SPILLWAY_API_KEY: API_KEY, SPILLWAY_API_SECRET: API_SECRET };
  const { stdout } = await promisify(execFile)(process.env.SPILLWAY_CTL, ['token', 'create', '--role', role], { env });
  return stdout.trim();
}

/** Joins in the meeting page, from that region; camera: with it. Resolves with the name of the node. */
export async function meet(cluster, page, { room, identity, region, camera = false }) {
  const token = await cluster.token(room, identity, {}, { name: identity, attributes: { region } });
  await page.goto(`${cluster.http}/meet/${room}#token=${token}`);
  if (!camera) {
    await page.getByRole('button', { name: 'Camera', exact: true }).click();
  }
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('navigation').waitFor();
  // The page shows its controls while it still connects.
  const joined = await poll(`${identity} is in ${room}`, JOIN_MS, () =>
    cluster.admin('GET', `rooms/${room}/participants/${identity}`).catch(() => null),
  );
  return joined.node_name;
}
