// SPDX-License-Identifier: Apache-2.0
//
// Numbers and times as people read them. What nobody knows is a dash.
export const UNKNOWN = '–';

const plural = (count, one, many) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
export const people = (count) => plural(count, 'person', 'people');
export const rooms = (count) => plural(count, 'room', 'rooms');
export const nodes = (count) => plural(count, 'node', 'nodes');
export const tracks = (count) => plural(count, 'track', 'tracks');

export function bits(perSecond) {
  if (perSecond === null || perSecond === undefined) {
    return UNKNOWN;
  }
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
  let value = perSecond;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const percent = (ratio) => `${Math.round(100 * ratio)} %`;

/** Of a node or region: what it carries and what is promised to it. */
export const loadOf = ({ weight, reserved, capacity }) => (capacity > 0 ? (weight + reserved) / capacity : 0);

export const regionName = (name) => name || 'no region';

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const clock = (time) => clockFormat.format(time);

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
export const day = (time) => dayFormat.format(time);

/** With its day if that is not today. */
export const moment = (time) => (day(time) === day(Date.now()) ? clock(time) : `${day(time)} ${clock(time)}`);

export function span(ms) {
  if (ms < 10_000) {
    return `${(ms / 1000).toFixed(2)} s`;
  }
  if (ms < 120_000) {
    return `${Math.round(ms / 1000)} s`;
  }
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
