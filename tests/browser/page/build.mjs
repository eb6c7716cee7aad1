// SPDX-License-Identifier: Apache-2.0
//
// Bundles the page of the tests into dist/, which the cluster under test serves.
import { copyFile, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

await mkdir(path('../dist'), { recursive: true });
await build({
  entryPoints: [path('client.js')],
  outfile: path('../dist/client.js'),
  bundle: true,
  format: 'iife',
  target: ['chrome100', 'firefox100'],
  logLevel: 'warning',
});
await copyFile(path('index.html'), path('../dist/index.html'));
