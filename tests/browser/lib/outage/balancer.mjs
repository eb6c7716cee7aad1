// SPDX-License-Identifier: Apache-2.0
//
// A TCP load balancer before the orchestrators, as a cluster has one: who reconnects reaches another
// when the one they had is dead.
//
//     balancer.mjs ADDRESS PORT BACKEND...
//
// listens at PORT, PORT + 1, ...; each tries the backend (a port at ADDRESS) of its own number first,
// then those after it in a ring.
import { connect, createServer } from 'node:net';

const [address, first, ...backends] = process.argv.slice(2);

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

backends.forEach((_, i) => {
  const order = [...backends.slice(i), ...backends.slice(0, i)];
  createServer({ noDelay: true }, (client) => {
    client.on('error', () => {});
    join(client, order);
  }).listen(Number(first) + i, address);
});
