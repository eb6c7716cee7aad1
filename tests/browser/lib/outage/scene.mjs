// SPDX-License-Identifier: Apache-2.0
//
// Where the outages happen: a cluster in one namespace of tests/link/in_regions, its clients in the
// other, SPILLWAY_WAN between them, and one node in a third, behind a link of its own that can be cut.
//
//     clients ---- 20 ms ---- balancer, three orchestrators, Redis, node-1, node-3 ---- node-2
//
// node-3 and orchestrator-3 are called a region, us, the others another, eu; all are equally far away.
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openChromiumIn } from '../browsers.mjs';
import { Cluster, Process, emulatedRegions } from '../cluster.mjs';
import { poll } from '../poll.mjs';

const BALANCER_PORT = 7001; // and the next; nobody else is in these namespaces
const FAR = '198.51.100.10';
const CLIENTS = ['192.0.2.2', '198.51.100.5']; // both addresses of their namespace
const balancer = fileURLToPath(new URL('balancer.mjs', import.meta.url));
const run = promisify(execFile);
const inside = (name, ...command) => run('nsenter', [`--net=/run/netns/${name}`, ...command]);

/** The namespace `far` and its link to eu; resolves with what takes the link's settings. */
async function makeFar() {
  await run('ip', ['netns', 'add', 'far']);
  const ends = ['eu=/run/netns/eu', 'far=/run/netns/far'];
  const child = spawn(process.env.SPILLWAY_LINK, ['--device', 'far', ...ends], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve) => lines.once('line', resolve)); // ready
  for (const [name, address] of [['eu', '198.51.100.9'], ['far', FAR]]) {
    await inside(name, 'ip', 'addr', 'add', `${address}/30`, 'dev', 'far');
    await inside(name, 'ip', 'link', 'set', 'far', 'up');
  }
  await inside('far', 'ip', 'route', 'add', 'default', 'via', '198.51.100.9');
  await inside('eu', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await run('ip', ['route', 'add', `${FAR}/32`, 'via', '198.51.100.1']);
  return child.stdin;
}

export class Scene {
  static async open() {
    const scene = new Scene();
    scene.reached = true;
    const { eu } = emulatedRegions();
    scene.farLink = await makeFar();
    const far = { address: FAR, enter: ['nsenter', '--net=/run/netns/far'], region: 'eu' };
    scene.cluster = await Cluster.start({
      places: { eu, us: eu, far },
      nodes: ['eu', 'far', 'us'],
      orchestrators: ['eu', 'eu', 'us'],
      ports: 16, // addresses; a client is never given the same one twice
    });
    await scene.#openDoors(eu);
    return scene;
  }

  async #openDoors({ address, enter }) {
    const { orchestrators, dir, processes } = this.cluster;
    const backends = orchestrators.map(({ port }) => `${port}`);
    const command = [...enter, process.execPath, balancer, address, `${BALANCER_PORT}`, ...backends];
    this.balancer = await Process.start('balancer', dir, command);
    this.doors = backends.map((_, i) => `${address}:${BALANCER_PORT + i}`);
    const safe = this.doors.map((door) => `http://${door}`).join(','); // a camera wants that
    this.browser = await openChromiumIn('us', [
      '--use-fake-device-for-media-stream=fps=30',
      `--unsafely-treat-insecure-origin-as-secure=${safe}`,
    ]);
  }

  async close() {
    await this.browser.close();
    await this.balancer.kill();
    this.farLink.end();
    await this.cluster.stop();
  }

  /** Somebody's node, by name. */
  async nodeOf(room, identity) {
    return (await this.cluster.admin('GET', `rooms/${room}/participants/${identity}`)).node_name;
  }

  /** The number of the orchestrator that owns a room: who logged the joins to it. */
  async ownerOf(room) {
    const { sid } = await this.cluster.admin('GET', `rooms/${room}`);
    const logs = this.cluster.orchestrators.map(({ name }) => this.cluster.process(name).log);
    const texts = await Promise.all(logs.map((log) => readFile(log, 'utf8')));
    return texts.findIndex((text) => text.includes(`participant_joined room=${sid}`));
  }

  async bring(room, identity, node) {
    await poll(`${identity} is settled`, 5_000, async () => {
      if ((await this.nodeOf(room, identity)) === node) {
        return true;
      }
      await this.cluster.moveParticipant(room, identity, node).catch(() => {}); // still moving
      return false;
    });
  }

  /** That node alone takes rooms while act() runs. */
  async onlyOn(node, act) {
    const others = ['node-1', 'node-2', 'node-3'].filter((name) => name !== node);
    const each = (verb) =>
      Promise.all(others.map((name) => this.cluster.admin('POST', `nodes/${name}/${verb}`)));
    await each('cordon');
    try {
      return await act();
    } finally {
      await each('uncordon');
    }
  }

  /** Whether what clients and node-2 send each other arrives; all else does. */
  async clientsReach(yes) {
    const ways = CLIENTS.flatMap((one) => [['from', one, 'to', FAR], ['from', FAR, 'to', one]]);
    for (const way of ways) {
      await inside('eu', 'ip', 'rule', yes ? 'del' : 'add', ...way, 'blackhole');
    }
    this.reached = yes;
  }

  /** Starts what was killed again; resolves when the whole cluster knows. */
  async restart(...names) {
    await Promise.all(names.map((name) => this.cluster.restart(name)));
    await this.whole();
  }

  /** Whatever a fault left behind. */
  async mend() {
    this.farLink.write('loss 0%\n');
    if (!this.reached) {
      await this.clientsReach(true);
    }
    this.cluster.processes.forEach(({ child }) => child.kill('SIGCONT'));
    const dead = this.cluster.processes.filter(({ running }) => !running);
    await this.restart(...dead.map(({ name }) => name));
  }

  whole() {
    return poll('the cluster is whole', 15_000, () => this.cluster.isWhole().catch(() => false));
  }

  /** Where the log of each orchestrator that runs ends now. */
  async marks() {
    const running = this.cluster.orchestrators
      .map(({ name }) => this.cluster.process(name))
      .filter((one) => one.running);
    return Promise.all(running.map(async ({ log }) => ({ log, at: (await readFile(log)).length })));
  }

  /** Unix ms of the first line with this event that each log has behind its mark; waits for them. */
  since(marks, event, withinMs) {
    return poll(`${event} in every log`, withinMs, async () => {
      const times = await Promise.all(
        marks.map(async ({ log, at }) => {
          const text = (await readFile(log)).subarray(at).toString();
          const line = text.split('\n').find((each) => each.includes(` ${event} `));
          return line && Date.parse(line.split(' ')[0]);
        }),
      );
      return times.every((time) => time) && times;
    });
  }
}
