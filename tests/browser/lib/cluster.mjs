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
/** Of each cluster that does not say; whoever asks for its `ws` gets the URL of the next one. */
const ORCHESTRATORS = Number(process.env.SPILLWAY_ORCHESTRATORS ?? 1);
/** Where programs run: their address, on what orchestrators listen, and what to put before the command. */
const HERE = { address: '127.0.0.1', listen: '127.0.0.1', enter: [] };
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

/**
 * Below the range the kernel hands out and that of tests/integration/cluster, and above those to which
 * browsers do not connect (10,080, by https://fetch.spec.whatwg.org/#port-blocking).
 */
const PORTS = { first: 11_000, ranges: 38, range: 500 };

/** The first port of a range that no other test takes while this one runs: who has it holds its name. */
async function claimRange() {
  const start = Math.floor(Math.random() * PORTS.ranges);
  for (let i = 0; i < PORTS.ranges; i++) {
    const first = PORTS.first + ((start + i) % PORTS.ranges) * PORTS.range;
    const holder = createServer().unref();
    const held = new Promise((resolve) => {
      holder.once('error', () => resolve(false));
      holder.listen(`\0spillway-browser-ports-${first}`, () => resolve(true));
    });
    if (await held) {
      return first;
    }
  }
  throw new Error('no range of ports is left');
}
let claimed;

/** The first of `count` successive ports that are free. */
export async function freePorts(count) {
  const first = await (claimed ??= claimRange());
  for (let tries = 0; tries < 100; tries++) {
    const base = first + Math.floor(Math.random() * (PORTS.range - count));
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

/** The regions that tests/link/in_regions gives, as places of Cluster.start. */
export function emulatedRegions() {
  if (!process.env.SPILLWAY_LINK_CONTROL) {
    throw new Error('run this through tests/link/in_regions');
  }
  const place = (region, address) => ({
    address,
    listen: '0.0.0.0', // a page has the rights of a secure one only from loopback
    enter: ['nsenter', `--net=/run/netns/${region}`],
  });
  return { eu: place('eu', '192.0.2.1'), us: place('us', '192.0.2.2') };
}

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL'))); // whatever ends the tests

export class Process {
  static async start(name, dir, command) {
    const log = join(dir, `${name}.log`);
    const file = await open(log, 'a');
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', file.fd, file.fd] });
    await file.close();
    running.add(child);
    child.once('exit', () => running.delete(child));
    return new Process(name, log, child, command);
  }

  constructor(name, log, child, command) {
    this.name = name;
    this.log = log;
    this.command = command;
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

  constructor(dir, port, orchestrators, places) {
    this.dir = dir;
    this.port = port;
    this.places = places;
    this.processes = [];
    this.orchestrators = orchestrators.map((region, i) => {
      const first = port + i * ORCHESTRATOR_PORTS;
      const place = this.#place(region);
      return {
        name: i === 0 ? 'orchestrator' : `orchestrator-${i + 1}`,
        region,
        place,
        port: first,
        http: `http://${place.address}:${first}`, // from here; its clients use loopback
        page: `http://127.0.0.1:${first}/`,
        ws: `ws://127.0.0.1:${first}`,
      };
    });
    this.http = this.orchestrators[0].http;
    this.redis = port + orchestrators.length * ORCHESTRATOR_PORTS;
  }

  /** Of the next orchestrator. */
  get ws() {
    return this.orchestrators[this.#fronts++ % this.orchestrators.length].ws;
  }

  #place(region) {
    return this.places[region] ?? HERE;
  }

  /**
   * nodes, orchestrators: how many, or the region of each; media: the address where nodes listen, and
   * at how many ports each. places: {region: where its programs run}; one that names another region
   * is a place of that one. pages: the folder to serve. settings: more of the orchestrators'. Resolves when every node is ready.
   */
  static async start(options = {}) {
    const { nodes: given = 2, orchestrators = ORCHESTRATORS, ports = 4, media } = options;
    const { places = {}, pages = testPages, settings = {} } = options;
    const list = (what) => (Array.isArray(what) ? what : Array(what).fill(''));
    const regions = list(given);
    const nodes = regions.length;
    const dir = await mkdtemp(join(tmpdir(), 'spillway-test-'));
    const own = list(orchestrators).length * ORCHESTRATOR_PORTS + 1; // and Redis
    const base = await freePorts(own + nodes * (ports + 1));
    const cluster = new Cluster(dir, base, list(orchestrators), places);
    try {
      await cluster.#makeKeys(nodes);
      await cluster.#startOrchestrators(pages, settings);
      for (let n = 1; n <= nodes; n++) {
        const first = base + own + (n - 1) * (ports + 1);
        const ip = media ?? cluster.#place(regions[n - 1]).address;
        await cluster.#startNode(n, regions[n - 1], { ip, port_base: first, ports });
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
    await Promise.all(this.orchestrators.map(({ name }) => make(keys, name)));
    for (let n = 1; n <= nodes; n++) {
      await make(join(keys, 'nodes'), `node-${n}`);
    }
  }

  async #startOrchestrators(pages, settings) {
    const several = this.orchestrators.length > 1;
    if (several) {
      const { address, enter } = this.orchestrators[0].place;
      const args = ['--port', this.redis, '--bind', address, '--save', '', '--dir', this.dir];
      args.push('--protected-mode', 'no'); // which has it that only loopback is private
      const command = [...enter, 'redis-server', ...args.map(String)];
      this.processes.push(await Process.start('redis', this.dir, command));
    }
    await Promise.all(
      this.orchestrators.map((one) =>
        this.#startOrchestrator(one, pages, { ...(several && this.#peers(one)), ...settings }),
      ),
    );
    const answers = () => this.#answers();
    await poll('the orchestrators answer', 15_000, answers, () => this.#lastWords());
  }

  #peers({ place, port }) {
    return {
      redis: { host: this.orchestrators[0].place.address, port: this.redis },
      cluster_secret: 'for tests, and known to everybody',
      peer_listen: `tcp://${place.address}:${port + 3}`,
      peers: this.orchestrators.map((other) => ({
        endpoint: `tcp://${other.place.address}:${other.port + 3}`,
        key_file: `${this.dir}/keys/${other.name}.pub`,
      })),
    };
  }

  async #startOrchestrator({ name, region, place, port }, pages, settings) {
    const keys = join(this.dir, 'keys');
    await this.#spawn(name, place, binary('SPILLWAY_ORCHESTRATOR'), {
      name,
      region,
      keys: { [API_KEY]: API_SECRET },
      listen: { address: place.listen, port },
      bus: {
        control: `tcp://${place.address}:${port + 1}`,
        tunnel: `tcp://${place.address}:${port + 2}`,
        secret_file: `${keys}/${name}.key`,
        nodes_dir: `${keys}/nodes`,
      },
      pages: { dir: pages, demo_api_key: API_KEY },
      // The machine is full of browsers, and tests say themselves who is where.
      rebalance: { enabled: false },
      log: { level: process.env.SPILLWAY_LOG ?? 'info' },
      ...settings,
    });
  }

  async #startNode(n, region, media) {
    const keys = join(this.dir, 'keys');
    const place = this.#place(region);
    await this.#spawn(`node-${n}`, place, binary('SPILLWAY_NODE'), {
      name: `node-${n}`,
      region: place.region ?? region,
      curve: { secret_file: `${keys}/nodes/node-${n}.key` },
      orchestrators: this.orchestrators.map((one) => ({
        control: `tcp://${one.place.address}:${one.port + 1}`,
        tunnel: `tcp://${one.place.address}:${one.port + 2}`,
        key_file: `${keys}/${one.name}.pub`,
      })),
      media,
      probes: { listen: place.address, port: media.port_base + media.ports },
      drain_grace: '0s',
      log: { level: process.env.SPILLWAY_LOG ?? 'info' },
    });
    const port = media.port_base + media.ports;
    this.process(`node-${n}`).probes = `http://${place.address}:${port}`;
  }

  /** Starts a program with these settings; JSON is YAML, too. */
  async #spawn(name, { enter }, path, settings) {
    const config = join(this.dir, `${name}.yaml`);
    await writeFile(config, JSON.stringify(settings, null, 2));
    const command = [...enter, path, '--config', config];
    this.processes.push(await Process.start(name, this.dir, command));
  }

  async #answers() {
    this.#checkAlive();
    const get = async ({ http }) => (await fetch(`${http}/metrics`)).text();
    const all = await Promise.all(this.orchestrators.map(get)).catch(() => undefined);
    return all?.every((text) => text.includes(`orchestrator_peers_up ${all.length - 1}\n`));
  }

  /** What orchestrators answer and the end of every log: for the error of those that do not come up. */
  async #lastWords() {
    const answer = async ({ name, http }) => {
      const said = await fetch(`${http}/readyz`).then(({ status }) => status, ({ cause }) => cause);
      return `\n${name} at ${http}: ${said}`;
    };
    const last = async ({ name, log }) => {
      const text = await readFile(log, 'utf8').catch(({ message }) => message);
      return `\n${name}: ${text.trim().split('\n').slice(-5).join('\n  ')}`;
    };
    const all = [...this.orchestrators.map(answer), ...this.processes.map(last)];
    return (await Promise.all(all)).join('');
  }

  async #ready(nodes) {
    this.#checkAlive();
    const ready = async ({ http }) => {
      const { nodes: list } = await this.admin('GET', 'nodes', undefined, http);
      return list.filter(({ state }) => state === 'ready').length === nodes;
    };
    return (await Promise.all(this.orchestrators.map(ready))).every((yes) => yes);
  }

  /** Every orchestrator has every other one, and every node. */
  async isWhole() {
    const nodes = this.processes.filter(({ name }) => name.startsWith('node-')).length;
    return (await this.#answers()) && this.#ready(nodes);
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

  /** Starts a process that was killed once more, with the same settings and log. */
  async restart(name) {
    const dead = this.process(name);
    const again = await Process.start(name, this.dir, dead.command);
    again.probes = dead.probes;
    this.processes[this.processes.indexOf(dead)] = again;
  }

  /** A participant's token; `grants` beside roomJoin, `claims` name, metadata, attributes, ttl, kind. */
  async token(room, identity, grants = {}, claims = {}) {
    const token = new AccessToken(API_KEY, API_SECRET, { identity, ttl: '1h', ...claims });
    token.addGrant({ roomJoin: true, room, ...grants });
    if (claims.kind) {
      token.kind = claims.kind;
    }
    return token.toJwt();
  }

  /** A call of the admin API, of the orchestrator at `http`; throws unless it succeeds. */
  async admin(method, path, body, http = this.http) {
    const token = new AccessToken(API_KEY, API_SECRET, { ttl: '10m' });
    token.addGrant({ roomList: true, roomCreate: true });
    const response = await fetch(`${http}/admin/v1/${path}`, {
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

  /** Moves a room from where most are to another node; resolves with its name once it has begun. */
  async moveRoom(room) {
    const { nodes: held } = await this.admin('GET', `rooms/${room}`);
    const [from] = held.sort((a, b) => b.participants - a.participants);
    const { nodes } = await this.admin('GET', 'nodes');
    const to = nodes.find(({ name, state }) => name !== from.name && state === 'ready').name;
    await this.admin('POST', `rooms/${room}/move`, { to });
    return to;
  }

  /** Moves one participant to a node, by name; resolves when it is there. */
  async moveParticipant(room, participant, to) {
    await this.admin('POST', `rooms/${room}/move`, { participant, to });
    await poll(`${participant} is at ${to}`, 5_000, async () => {
      const path = `rooms/${room}/participants/${participant}`;
      return (await this.admin('GET', path)).node_name === to;
    });
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
