// SPDX-License-Identifier: Apache-2.0
//
// What was measured, beside what was wanted.
import { cpus, loadavg, release } from 'node:os';

/** The value that this share of all is not above. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

const STATISTICS = {
  p95: (values) => percentile(values, 0.95),
  p99: (values) => percentile(values, 0.99),
  max: (values) => Math.max(...values),
  sum: (values) => values.reduce((a, b) => a + b, 0),
};

const round = (value) => (Number.isFinite(value) ? value.toFixed(0) : 'never');

export class Report {
  #rows = new Map();

  /** bounds: {fault: {quantity: {most, of: one of STATISTICS, gate}}}; gate: false fails no run. */
  constructor(bounds) {
    this.bounds = bounds;
    this.load = loadavg()[0];
  }

  #bound(fault, quantity) {
    return quantity === 'broken off' ? { of: 'sum', most: 0 } : this.bounds[fault]?.[quantity];
  }

  add(fault, quantity, value) {
    const key = `${fault}|${quantity}`;
    if (!this.#rows.has(key)) {
      this.#rows.set(key, { fault, quantity, values: [], bound: this.#bound(fault, quantity) });
    }
    this.#rows.get(key).values.push(value);
  }

  /** `than`: not more than another quantity of that fault, plus some. */
  #most(fault, { of, most, than, plus }) {
    const other = this.#rows.get(`${fault}|${than}`);
    return other ? STATISTICS[of](other.values) + plus : most;
  }

  get rows() {
    return [...this.#rows.values()].map((row) => {
      if (!row.bound) {
        return { ...row, missed: false };
      }
      const bound = { ...row.bound, most: this.#most(row.fault, row.bound) };
      return { ...row, bound, missed: !(STATISTICS[bound.of](row.values) <= bound.most) };
    });
  }

  get failed() {
    return this.rows.filter(({ missed, bound }) => missed && bound.gate !== false);
  }

  #cells({ fault, quantity, values, bound, missed }) {
    const counts = bound?.of === 'sum';
    const numbers = counts
      ? ['', '', `${STATISTICS.sum(values)} in all`]
      : [percentile(values, 0.5), STATISTICS.p95(values), STATISTICS.max(values)].map(round);
    const wanted = bound ? (counts ? `${bound.most}` : `${bound.of} ${round(bound.most)}`) : '';
    return [fault, quantity, `${values.length}`, ...numbers, wanted, missed ? 'MISSED' : ''];
  }

  /** As Markdown, which is well read on a terminal, too. */
  table() {
    const head = ['fault', 'quantity', 'n', 'p50', 'p95', 'max', 'wanted', ''];
    const lines = [head, ...this.rows.map((row) => this.#cells(row))];
    const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
    const pad = (cell, i) => (i > 1 && i < 6 ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
    const text = lines.map((line) => `| ${line.map(pad).join(' | ')} |`);
    const rule = (n, i) => (i > 1 && i < 6 ? `${'-'.repeat(n + 1)}:` : '-'.repeat(n + 2));
    text.splice(1, 0, `|${widths.map(rule).join('|')}|`);
    return text.join('\n');
  }

  /** When and where, in a sentence. */
  where(chromium) {
    const date = new Date().toISOString().slice(0, 10);
    const load = `${this.load.toFixed(1)} before and ${loadavg()[0].toFixed(1)} at the end`;
    return `${date}, ${cpus().length} cores ${cpus()[0].model.trim()}, Linux ${release()}, ` +
      `Chromium ${chromium}; load of the machine ${load}.`;
  }
}
