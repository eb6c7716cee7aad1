// SPDX-License-Identifier: Apache-2.0
//
// coturn with the configuration that deploy/coturn ships; in tests/browser/in_namespace, where its
// ports are free.
import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Process } from './cluster.mjs';
import { poll } from './poll.mjs';

const template = new URL('../../../deploy/coturn/turnserver.conf', import.meta.url);
const PORT = 3478;
const TLS_PORT = 443;

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

/** The template's lines for TLS in force, and nothing but TLS: as it says, and what a firewall would do. */
function onlyTls(text, { cert, key }) {
  const lines = [`tls-listening-port=${TLS_PORT}`, `cert=${cert}`, `pkey=${key}`, 'no-udp', 'no-tcp'];
  const found = ['tls-listening-port', 'cert', 'pkey'].every((name) => text.match(new RegExp(`^# ${name}=`, 'm')));
  if (!found || !/^no-tls$/m.test(text)) {
    throw new Error(`${template.pathname} does not say how TLS is switched on`);
  }
  return text.replace(/^no-tls$/m, lines.join('\n'));
}

/** {cert, key, spki}: a certificate for an address, in a folder; spki: by what Chromium can be told to take it. */
export async function certify(dir, address) {
  const cert = join(dir, 'cert.pem');
  const key = join(dir, 'key.pem');
  const name = ['-subj', `/CN=${address}`, '-addext', `subjectAltName=IP:${address}`];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  await promisify(execFile)('openssl', ['req', '-x509', ...made, ...name, '-keyout', key, '-out', cert]);
  const { publicKey } = new X509Certificate(await readFile(cert));
  const spki = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
  return { cert, key, spki };
}

function accepts(host, port) {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export class Coturn {
  /** At that address, for media nodes at that one; secrets: those that it takes; tls: a certificate, for TLS alone. */
  static async start(address, node, secrets, tls) {
    const dir = await mkdtemp(join(tmpdir(), 'spillway-coturn-'));
    const config = fill(await readFile(template, 'utf8'), {
      'listening-ip': address,
      'allowed-peer-ip': node,
      'static-auth-secret': secrets,
    });
    const file = join(dir, 'turnserver.conf');
    await writeFile(file, tls ? onlyTls(config, tls) : config);
    // A database that is not the machine's, and nothing is written elsewhere.
    const args = ['-c', file, '--userdb', join(dir, 'turndb'), '--pidfile', join(dir, 'pid')];
    const coturn = new Coturn();
    coturn.dir = dir;
    coturn.process = await Process.start('coturn', dir, ['turnserver', ...args]);
    await poll(
      'coturn listens',
      10_000,
      () => accepts(address, tls ? TLS_PORT : PORT),
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
