// SPDX-License-Identifier: Apache-2.0
//
// A folder with a status page (status_page.py), served as any web server would.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('status_page.py', import.meta.url));
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
};

export class StatusFolder {
  static async open() {
    const folder = new StatusFolder();
    folder.dir = mkdtempSync(join(tmpdir(), 'spillway-status-'));
    folder.server = createServer(async (request, response) => {
      const name = new URL(request.url, 'http://x').pathname.replace(/^\/status\//, '') || 'index.html';
      try {
        const body = await readFile(join(folder.dir, name));
        response.writeHead(200, { 'Content-Type': types[extname(name)] }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise((resolve) => folder.server.listen(0, '127.0.0.1', resolve));
    folder.origin = `http://127.0.0.1:${folder.server.address().port}`;
    folder.url = `${folder.origin}/status/`;
    return folder;
  }

  /** The rounds of a story of status_page.py, the last one at a time (Date). */
  publish(story, at = new Date()) {
    execFileSync('python3', ['-B', script, this.dir, story, String(Math.floor(at / 1000))]);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
    rmSync(this.dir, { recursive: true });
  }
}
