// SPDX-License-Identifier: Apache-2.0
//
// How tiles lie in a room of some size: as large as can be, none narrower or wider than a face likes,
// and so many that each can still be made out. The rest is on the next page.
const TILES_MAX = 25; // as many pictures are decoded at once
const WIDTH_MIN = 140; // px
const HEIGHT_MIN = 90;
export const GAP = 8;

/** Widest and narrowest, as width to height. */
const WIDE = 16 / 9;
const NARROW = { landscape: 4 / 3, portrait: 3 / 4 };

function tileOf(columns, rows, { width, height }) {
  const narrow = width >= height ? NARROW.landscape : NARROW.portrait;
  const across = (width - (columns + 1) * GAP) / columns;
  const down = (height - (rows + 1) * GAP) / rows;
  const tileHeight = Math.min(down, across / narrow);
  return { columns, rows, width: Math.floor(Math.min(across, tileHeight * WIDE)), height: Math.floor(tileHeight) };
}

const area = ({ width, height }) => Math.max(width, 0) * Math.max(height, 0);

function largest(count, room) {
  const all = Array.from({ length: count }, (_, i) => tileOf(i + 1, Math.ceil(count / (i + 1)), room));
  return all.reduce((best, one) => (area(one) > area(best) ? one : best));
}

/** Of `count` tiles (1 and more) in a room {width, height} in px: {perPage, columns, rows, width, height}. */
export function gridFor(count, room) {
  for (let perPage = Math.min(count, TILES_MAX); perPage > 1; perPage--) {
    const grid = largest(perPage, room);
    if (grid.width >= WIDTH_MIN && grid.height >= HEIGHT_MIN) {
      return { perPage, ...grid };
    }
  }
  return { perPage: 1, ...largest(1, room) };
}
