// SPDX-License-Identifier: Apache-2.0
//
// coturn with the configuration that deploy/coturn ships; in tests/browser/in_namespace, where its
// ports are free.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process } from './cluster.mjs';
import { poll } from './poll.mjs';

const template = new URL('../../../deploy/coturn/turnserver.conf', import.meta.url);
const PORT = 3478;

/** The template with these lines' values; each must be there once. */
function fill(text, values) {
  return Object.entries(values).reduce((filled, [key, value]) => {
    const line = new RegExp(`^${key}=.*$`, 'gm');
    if (filled.match(line)?.length !== 1) {
      throw new Error(`${template.pathname} has not one line ${key}=`);
    }
    return filled.replace(line, [value].flat().map((each) => `${key}=${each}`).join('\n'));
  }, text);
}

function accepts(host, port) {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export class Coturn {
  /** At that address, for media nodes at that one; secrets: those that it takes. */
  static async start(address, node, secrets) {
    const dir = await mkdtemp(join(tmpdir(), 'spillway-coturn-'));
    const config = fill(await readFile(template, 'utf8'), {
      'listening-ip': address,
      'allowed-peer-ip': node,
      'static-auth-secret': secrets,
    });
    const file = join(dir, 'turnserver.conf');
    await writeFile(file, config);
    // A database that is not the machine's, and nothing is written elsewhere.
    const args = ['-c', file, '--userdb', join(dir, 'turndb'), '--pidfile', join(dir, 'pid')];
    const coturn = new Coturn();
    coturn.dir = dir;
    coturn.process = await Process.start('coturn', dir, ['turnserver', ...args]);
    await poll(
      'coturn listens',
      10_000,
      () => accepts(address, PORT),
      () => coturn.process.tail(),
    );
    return coturn;
  }

  log() {
    return readFile(this.process.log, 'utf8');
  }

  async stop() {
    await this.process.kill(); // what it ends with says nothing about us
    await rm(this.dir, { recursive: true });
  }
}
