// SPDX-License-Identifier: Apache-2.0
//
// docs/outages.md and its plot.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { percentile } from '../report.mjs';

const BEGIN = '<!-- measured: tests/browser/outage.mjs --write -->';
const END = '<!-- end -->';
const LEFT = 250; // px, of the plot's labels
const WIDTH = 520; // of its scale
const ROW = 18;
const FROM_MS = 10;
const TO_MS = 30_000;

const x = (ms) => {
  const held = Math.min(Math.max(ms, FROM_MS), TO_MS);
  return LEFT + (WIDTH * Math.log(held / FROM_MS)) / Math.log(TO_MS / FROM_MS);
};

function bar({ fault, quantity, values, bound }, i) {
  const y = 30 + i * ROW;
  const [p50, p95] = [0.5, 0.95].map((share) => x(percentile(values, share)));
  const line = (at, color) => `<path d="M${at} ${y}v12" stroke="${color}" stroke-width="2"/>`;
  return [
    `<text x="${LEFT - 8}" y="${y + 10}" text-anchor="end">${fault}: ${quantity}</text>`,
    `<rect x="${LEFT}" y="${y + 2}" width="${(p50 - LEFT).toFixed(1)}" height="8" fill="#35a"/>`,
    `<rect x="${p50.toFixed(1)}" y="${y + 2}" width="${(p95 - p50).toFixed(1)}" height="8" fill="#9bd"/>`,
    line(x(Math.max(...values)).toFixed(1), '#333'),
    bound ? line(x(bound.most).toFixed(1), '#c22') : '',
  ].join('');
}

/** Gaps in pictures and sound on a logarithmic scale: p50, p95, the longest, and what is wanted. */
function plot(rows) {
  const gaps = rows.filter(({ quantity }) => /^(video|audio),/.test(quantity));
  const height = 40 + gaps.length * ROW;
  const ticks = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000].map((ms) =>
    `<path d="M${x(ms).toFixed(1)} 24V${height - 8}" stroke="#ddd"/>` +
    `<text x="${x(ms).toFixed(1)}" y="18" text-anchor="middle">${ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 30}" height="${height}" ` +
    'font-family="sans-serif" font-size="11"><title>Gaps: dark to p50, light to p95, black the ' +
    'longest, red what is wanted</title><rect width="100%" height="100%" fill="#fff"/>' +
    `${ticks.join('')}\n${gaps.map(bar).join('\n')}\n</svg>\n`;
}

/** Puts the table into DOCS/outages.md between its marks, and the plot into DOCS/outages/gaps.svg. */
export async function write(docs, report, chromium) {
  const file = join(docs, 'outages.md');
  const text = await readFile(file, 'utf8');
  const [head, rest] = text.split(BEGIN);
  const tail = rest.split(END)[1];
  const measured = `${BEGIN}\n\n${report.where(chromium)}\n\n${report.table()}\n\n${END}`;
  await writeFile(file, head + measured + tail);
  await mkdir(join(docs, 'outages'), { recursive: true });
  await writeFile(join(docs, 'outages', 'gaps.svg'), plot(report.rows));
}
