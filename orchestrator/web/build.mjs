// SPDX-License-Identifier: Apache-2.0
//
// Bundles the pages into dist/, which the orchestrator serves (pages.dir). Scripts and styles go to
// dist/assets/ with their hash in their name, so that browsers keep them for ever; index.html
// names them, and the service worker, which keeps them. What compiles WebAssembly goes to
// dist/assets/wasm/, whose scripts the orchestrator allows that. console/ is the operators' page. A
// gzipped twin lies beside every file that gains by it.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');

/** Of MediaPipe, what blur/people.js asks for; any other file of it stays where it is. */
const MEDIAPIPE = join(here, 'node_modules/@mediapipe/selfie_segmentation');
const SEGMENTATION_FILES = [
  'selfie_segmentation.binarypb',
  'selfie_segmentation_landscape.tflite',
  'selfie_segmentation_solution_simd_wasm_bin.js',
  'selfie_segmentation_solution_simd_wasm_bin.wasm',
];

const hashOf = (...contents) =>
  contents.reduce((hash, content) => hash.update(content), createHash('sha256')).digest('hex').slice(0, 16);

/** Bundles one entry; returns the paths written, by their ending. */
async function bundle(entry, options = {}) {
  const { metafile } = await build({
    entryPoints: [entry],
    outdir: join(dist, 'assets'),
    entryNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome100', 'firefox100', 'safari15'],
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    legalComments: 'linked',
    metafile: true,
    absWorkingDir: here,
    logLevel: 'warning',
    ...options,
  });
  const names = Object.keys(metafile.outputs).map((path) => `/${relative('dist', path)}`);
  return (ending) => names.find((name) => name.endsWith(ending));
}

/** Writes them as they are, into a folder with their hash; returns its path. */
async function writeSegmentation() {
  const read = async (name) => [name, await readFile(join(MEDIAPIPE, name))];
  const files = await Promise.all(SEGMENTATION_FILES.map(read));
  const folder = `/assets/wasm/${hashOf(...files.map(([, content]) => content))}/`;
  await mkdir(join(dist, folder), { recursive: true });
  await Promise.all(files.map(([name, content]) => writeFile(join(dist, folder, name), content)));
  return folder;
}

async function gzipAll(dir) {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      await gzipAll(path);
      continue;
    }
    const content = await readFile(path);
    const gzipped = gzipSync(content, { level: 9 });
    if (gzipped.length < content.length * 0.9) {
      await writeFile(`${path}.gz`, gzipped);
    }
  }
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist);

const worker = await bundle('src/encryption-worker.js');
const blurWorker = await bundle('src/blur/worker.js', {
  outdir: join(dist, 'assets/wasm'),
  entryNames: 'blur-[hash]',
  format: 'iife', // it calls importScripts()
  define: { BLUR_FILES: JSON.stringify(await writeSegmentation()) },
});
const page = await bundle('src/main.jsx', {
  define: {
    'process.env.NODE_ENV': '"production"',
    ENCRYPTION_WORKER: JSON.stringify(worker('.js')),
    BLUR_WORKER: JSON.stringify(blurWorker('.js')),
  },
});
const copy = async (name) => writeFile(join(dist, name), await readFile(join(here, 'src', name)));
/** Writes a page that names its bundle; returns its text. */
async function writePage(path, bundled) {
  const html = (await readFile(join(here, 'src', path), 'utf8'))
    .replace('{{script}}', bundled('.js'))
    .replace('{{style}}', bundled('.css'));
  await mkdir(dirname(join(dist, path)), { recursive: true });
  await writeFile(join(dist, path), html);
  return html;
}
const html = await writePage('index.html', page);
await writePage('console/index.html', await bundle('src/console/console.jsx'));
await copy('icon.svg');
await copy('app.webmanifest');
await bundle('src/service-worker.js', {
  outdir: dist,
  entryNames: '[name]',
  define: {
    PAGE_FILES: JSON.stringify(['/', '/icon.svg', '/app.webmanifest', page('.js'), page('.css'), worker('.js')]),
    PAGE_VERSION: JSON.stringify(hashOf(html)),
  },
});
await gzipAll(dist);
