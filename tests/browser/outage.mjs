// SPDX-License-Identifier: Apache-2.0
//
// What people in a call notice of an outage: real faults against real programs, seen by real Chromium
// 20 ms away. Prints one table, ms: what was measured, and what is wanted (MISSED if it is not
// reached). Exit status 1 if something that Spillway can do was missed.
//
//     outage.mjs [--write DOCS] FAULT=TRIALS...
//
// --write puts the table into DOCS/outages.md, and its plot beside. Where it is not what is asked for,
// but one of all tests (SPILLWAY_SHORT, tests/run), there are half as many trials, within the same bounds.
import { BOUNDS } from './lib/outage/bounds.mjs';
import * as faults from './lib/outage/faults.mjs';
import { write } from './lib/outage/page.mjs';
import { Report } from './lib/report.mjs';
import { Scene } from './lib/outage/scene.mjs';
import * as service from './lib/outage/service.mjs';

const words = process.argv.slice(2);
const docs = words[0] === '--write' ? words.splice(0, 2)[1] : undefined;
const share = 'SPILLWAY_SHORT' in process.env ? 2 : 1;
const wanted = words
  .map((word) => word.split('='))
  .map(([fault, trials]) => [fault, Math.ceil(Number(trials) / share)]);

const report = new Report(BOUNDS);
const scene = await Scene.open();
try {
  for (const [fault, trials] of wanted) {
    const start = Date.now();
    const strike = { ...faults, ...service }[fault];
    try {
      await strike(scene, trials, (...what) => report.add(fault, ...what));
    } catch (error) { // the others have their turn all the same
      console.error(error);
      report.add(fault, 'broken off', 1);
      await scene.mend();
    }
    console.error(`${fault}: ${trials} trials in ${((Date.now() - start) / 1000).toFixed(0)} s`);
  }
} finally {
  console.log(`\n${report.table()}\n`);
  await scene.close();
}
console.log(report.where(scene.browser.version));
if (docs) {
  await write(docs, report, scene.browser.version);
}
for (const { fault, quantity } of report.failed) {
  console.error(`missed: ${fault}: ${quantity}`);
}
process.exit(report.failed.length > 0 ? 1 : 0);
