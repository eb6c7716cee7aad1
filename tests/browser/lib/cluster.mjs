// SPDX-License-Identifier: Apache-2.0
//
// A private cluster on loopback: orchestrators and nodes, each a process of the binaries under test,
// with ports, keys and logs of their own. Stopping it fails if a process did not end well: a leak or
// an undefined behaviour that a sanitizer found is an exit status.
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AccessToken } from 'livekit-server-sdk';
import { poll } from './poll.mjs';

export const API_KEY = 'devkey';
export const API_SECRET = 'secret';

const STOP_MS = 15_000;
const ORCHESTRATOR_PORTS = 4; // clients, control, tunnel, peers
/** Of each cluster; whoever asks for its `ws` gets the URL of the next one. */
const ORCHESTRATORS = Number(process.env.SPILLWAY_ORCHESTRATORS ?? 1);
const testPages = fileURLToPath(new URL('../dist', import.meta.url));
export const meetingPages = fileURLToPath(new URL('../../../orchestrator/web/dist', import.meta.url));

function binary(variable) {
  const path = process.env[variable];
  if (!path) {
    throw new Error(`${variable} must name the program under test`);
  }
  return path;
}

function listen(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** The first of `count` successive ports that are free; below the range the kernel hands out. */
async function freePorts(count) {
  for (let tries = 0; tries < 100; tries++) {
    const base = 10_000 + Math.floor(Math.random() * 20_000);
    const servers = [];
    try {
      for (let i = 0; i < count; i++) {
        servers.push(await listen(base + i));
      }
      return base;
    } catch {
      // taken: another place
    } finally {
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    }
  }
  throw new Error('no free ports');
}

/** The address beside loopback that tests/browser/in_namespace gives. */
export function outerAddress() {
  const address = '192.0.2.1';
  const all = Object.values(networkInterfaces()).flat();
  if (!all.some((each) => each.address === address)) {
    throw new Error('run this through tests/browser/in_namespace');
  }
  return address;
}

class Process {
  static async start(name, dir, path, args) {
    const log = join(dir, `${name}.log`);
    const file = await open(log, 'w');
    const child = spawn(path, args, { stdio: ['ignore', file.fd, file.fd] });
    await file.close();
    process.on('exit', () => child.kill('SIGKILL')); // whatever ends the tests
    return new Process(name, log, child);
  }

  constructor(name, log, child) {
    this.name = name;
    this.log = log;
    this.child = child;
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    this.ended.catch(() => {}); // told by whoever waits for it
  }

  get pid() {
    return this.child.pid;
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async tail(lines = 40) {
    const text = await readFile(this.log, 'utf8');
    return text.split('\n').slice(-lines).join('\n');
  }

  /** SIGTERM, and SIGKILL if that is not enough. Throws unless the process ended with status 0. */
  async stop() {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const { code, signal } = await this.ended;
    clearTimeout(timer);
    if (code !== 0) {
      throw new Error(`${this.name} ended with ${signal ?? code}:\n${await this.tail()}`);
    }
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

export class Cluster {
  #fronts = 0; // given

  constructor(dir, port) {
    this.dir = dir;
    this.port = port;
    this.http = `http://127.0.0.1:${port}`;
    this.processes = [];
  }

  get ws() {
    return `ws://127.0.0.1:${this.#ports(this.#fronts++ % ORCHESTRATORS)}`;
  }

  /** The first port of an orchestrator. */
  #ports(index) {
    return this.port + index * ORCHESTRATOR_PORTS;
  }

  #orchestrator(index) {
    return index === 0 ? 'orchestrator' : `orchestrator-${index + 1}`;
  }

  /** What f makes of each orchestrator's first port and name. */
  #each(f) {
    return Array.from({ length: ORCHESTRATORS }, (_, i) => f(this.#ports(i), this.#orchestrator(i)));
  }

  /**
   * nodes: how many, or the region of each; media: the address they listen on, and at how many
   * ports each. pages: the folder to serve. settings: more of the orchestrator's. Resolves when every node is ready.
   */
  static async start(options = {}) {
    const { nodes: given = 2, ports = 4, media = '127.0.0.1' } = options;
    const { pages = testPages, settings = {} } = options;
    const regions = Array.isArray(given) ? given : Array(given).fill('');
    const nodes = regions.length;
    const dir = await mkdtemp(join(tmpdir(), 'spillway-test-'));
    const own = ORCHESTRATORS * ORCHESTRATOR_PORTS + 1; // and Redis
    const base = await freePorts(own + nodes * (ports + 1));
    const cluster = new Cluster(dir, base);
    try {
      await cluster.#makeKeys(nodes);
      await cluster.#startOrchestrators(pages, settings);
      for (let n = 1; n <= nodes; n++) {
        const first = base + own + (n - 1) * (ports + 1);
        await cluster.#startNode(n, regions[n - 1], { ip: media, port_base: first, ports });
      }
      await poll('every node is ready', 20_000, () => cluster.#ready(nodes));
      return cluster;
    } catch (error) {
      await cluster.stop().catch(() => {});
      throw error;
    }
  }

  async #makeKeys(nodes) {
    const keys = join(this.dir, 'keys');
    await mkdir(join(keys, 'nodes'), { recursive: true });
    const make = (dir, name) =>
      promisify(execFile)(binary('SPILLWAY_CTL'), ['keys', '--out', dir, name]);
    await Promise.all(this.#each((_, name) => make(keys, name)));
    for (let n = 1; n <= nodes; n++) {
      await make(join(keys, 'nodes'), `node-${n}`);
    }
  }

  async #startOrchestrators(pages, settings) {
    const redis = this.port + ORCHESTRATORS * ORCHESTRATOR_PORTS;
    if (ORCHESTRATORS > 1) {
      const args = ['--port', redis, '--bind', '127.0.0.1', '--save', '', '--dir', this.dir];
      this.processes.push(await Process.start('redis', this.dir, 'redis-server', args));
    }
    await Promise.all(
      this.#each((port, name) =>
        this.#startOrchestrator(port, name, pages, {
          ...(ORCHESTRATORS > 1 && this.#peers(port, redis)),
          ...settings,
        }),
      ),
    );
    await poll('the orchestrators answer', 15_000, () => this.#answers());
  }

  #peers(port, redis) {
    return {
      redis: { host: '127.0.0.1', port: redis },
      cluster_secret: 'for tests, and known to everybody',
      peer_listen: `tcp://127.0.0.1:${port + 3}`,
      peers: this.#each((other, name) => ({
        endpoint: `tcp://127.0.0.1:${other + 3}`,
        key_file: `${this.dir}/keys/${name}.pub`,
      })),
    };
  }

  async #startOrchestrator(port, name, pages, settings) {
    const keys = join(this.dir, 'keys');
    await this.#spawn(name, binary('SPILLWAY_ORCHESTRATOR'), {
      name,
      keys: { [API_KEY]: API_SECRET },
      listen: { address: '127.0.0.1', port },
      bus: {
        control: `tcp://127.0.0.1:${port + 1}`,
        tunnel: `tcp://127.0.0.1:${port + 2}`,
        secret_file: `${keys}/${name}.key`,
        nodes_dir: `${keys}/nodes`,
      },
      pages: { dir: pages, demo_api_key: API_KEY },
      log: { level: process.env.SPILLWAY_LOG ?? 'info' },
      ...settings,
    });
  }

  async #startNode(n, region, media) {
    const keys = join(this.dir, 'keys');
    await this.#spawn(`node-${n}`, binary('SPILLWAY_NODE'), {
      name: `node-${n}`,
      region,
      curve: { secret_file: `${keys}/nodes/node-${n}.key` },
      orchestrators: this.#each((port, name) => ({
        control: `tcp://127.0.0.1:${port + 1}`,
        tunnel: `tcp://127.0.0.1:${port + 2}`,
        key_file: `${keys}/${name}.pub`,
      })),
      media,
      probes: { port: media.port_base + media.ports },
      drain_grace: '0s',
      log: { level: process.env.SPILLWAY_LOG ?? 'info' },
    });
    const port = media.port_base + media.ports;
    this.process(`node-${n}`).probes = `http://127.0.0.1:${port}`;
  }

  /** Starts a program with these settings; JSON is YAML, too. */
  async #spawn(name, path, settings) {
    const config = join(this.dir, `${name}.yaml`);
    await writeFile(config, JSON.stringify(settings, null, 2));
    this.processes.push(await Process.start(name, this.dir, path, ['--config', config]));
  }

  async #answers() {
    this.#checkAlive();
    const get = async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const all = await Promise.all(this.#each(get)).catch(() => undefined);
    return all?.every((text) => text.includes(`orchestrator_peers_up ${ORCHESTRATORS - 1}\n`));
  }

  async #ready(nodes) {
    this.#checkAlive();
    const { nodes: list } = await this.admin('GET', 'nodes');
    return list.filter(({ state }) => state === 'ready').length === nodes;
  }

  #checkAlive() {
    const dead = this.processes.find((process) => !process.running);
    if (dead) {
      throw new Error(`${dead.name} has ended; its log is ${dead.log}`);
    }
  }

  process(name) {
    return this.processes.find((process) => process.name === name);
  }

  /** A participant's token; `grants` beside roomJoin, `claims` name, metadata, attributes, ttl. */
  async token(room, identity, grants = {}, claims = {}) {
    const token = new AccessToken(API_KEY, API_SECRET, { identity, ttl: '1h', ...claims });
    token.addGrant({ roomJoin: true, room, ...grants });
    return token.toJwt();
  }

  /** A call of the admin API; throws unless it succeeds. */
  async admin(method, path, body) {
    const token = new AccessToken(API_KEY, API_SECRET, { ttl: '10m' });
    token.addGrant({ roomList: true, roomCreate: true });
    const response = await fetch(`${this.http}/admin/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${await token.toJwt()}` },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${answer.message}`);
    }
    return answer;
  }

  /** Moves a room to the other of two nodes; resolves with that node's name once it has begun. */
  async moveRoom(room) {
    const { node_name: from } = await this.admin('GET', `rooms/${room}`);
    const { nodes } = await this.admin('GET', 'nodes');
    const to = nodes.find(({ name, state }) => name !== from && state === 'ready').name;
    await this.admin('POST', `rooms/${room}/move`, { to });
    return to;
  }

  /** Moves one participant to a node, by name. */
  async moveParticipant(room, participant, to) {
    await this.admin('POST', `rooms/${room}/move`, { participant, to });
  }

  /** {name: value} of what a process counts, labels left in the name. */
  async metrics(name) {
    const text = await (await fetch(`${this.process(name).probes}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
    return Object.fromEntries(lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }));
  }

  /** Stops every process; throws, and keeps the logs, if one did not end well. */
  async stop() {
    const nodesFirst = [...this.processes].reverse();
    for (const one of nodesFirst.filter(({ running }) => !running)) {
      if (!one.child.killed) {
        throw new Error(`${one.name} ended by itself:\n${await one.tail()}`);
      }
    }
    const results = await Promise.allSettled(
      nodesFirst.filter(({ running }) => running).map((one) => one.stop()),
    );
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed) {
      throw new Error(`${failed.reason.message}\nlogs: ${this.dir}`);
    }
    if (!process.env.SPILLWAY_KEEP) {
      await rm(this.dir, { recursive: true });
    }
  }
}
