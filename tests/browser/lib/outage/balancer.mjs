// SPDX-License-Identifier: Apache-2.0
//
// A TCP load balancer before the orchestrators, as a cluster has one: who reconnects reaches another
// when the one they had is dead, or says that it is not ready.
//
//     balancer.mjs ADDRESS PORT BACKEND...
//
// listens at PORT, PORT + 1, ...; each tries the backend (a port at ADDRESS) of its own number first,
// then those after it in a ring; those that were not ready when last asked, last.
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EVERY_MS = 200;
const [address, first, ...backends] = process.argv.slice(2);
const leaving = new Set();

async function ask(port) {
  for (;;) {
    const signal = AbortSignal.timeout(1_000);
    const answer = await fetch(`http://${address}:${port}/readyz`, { signal }).catch(() => {});
    if (answer?.status === 503) { // else a try will tell
      leaving.add(port);
    } else {
      leaving.delete(port);
    }
    await sleep(ASK_EVERY_MS);
  }
}

function join(client, order) {
  const [port, ...others] = order;
  if (port === undefined || client.destroyed) {
    client.destroy();
    return;
  }
  const server = connect(Number(port), address);
  server.setNoDelay(true);
  server.once('connect', () => {
    server.removeAllListeners('error');
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on('error', () => {}); // 'close' follows
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
    if (client.destroyed) {
      server.destroy();
    }
  });
  server.once('error', () => join(client, others));
}

backends.forEach((port, i) => {
  ask(port);
  const order = [...backends.slice(i), ...backends.slice(0, i)];
  createServer({ noDelay: true }, (client) => {
    client.on('error', () => {});
    const [last, ready] = [order.filter((one) => leaving.has(one)), order.filter((one) => !leaving.has(one))];
    join(client, [...ready, ...last]);
  }).listen(Number(first) + i, address);
});
