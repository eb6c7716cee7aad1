// SPDX-License-Identifier: Apache-2.0
//
// Where regions stand on a map of latencies: stress majorization (Gansner, Koren, North 2004) of the
// known distances, which brings points as far from each other as they are, where that is possible.
// The same regions stand at the same places each time.

const ROUNDS = 150;
const WEAK = 0.05; // weight of a distance that nobody knows: these regions are only kept apart

/** {name: {name: ms}} out of a snapshot's regions; both ways, the shorter word. */
export function distancesOf(regions) {
  const all = {};
  const set = (a, b, ms) => {
    all[a] ??= {};
    all[a][b] = Math.min(all[a][b] ?? Infinity, ms);
  };
  for (const { name, links } of regions) {
    for (const { to, distance_ms: ms } of links) {
      if (ms !== null) {
        set(name, to, ms);
        set(to, name, ms);
      }
    }
  }
  return all;
}

function goals(names, distances) {
  const known = Object.values(distances).flatMap((row) => Object.values(row));
  const far = known.length > 0 ? Math.max(...known) : 100;
  return names.map((a) =>
    names.map((b) => {
      const ms = distances[a]?.[b];
      const goal = Math.max(ms ?? far, 1);
      return { goal, weight: (ms === undefined ? WEAK : 1) / goal ** 2 };
    }),
  );
}

function improve(points, wanted) {
  return points.map((at, i) => {
    let [x, y, sum] = [0, 0, 0];
    points.forEach((other, j) => {
      if (i === j) {
        return;
      }
      const { goal, weight } = wanted[i][j];
      const [dx, dy] = [at.x - other.x, at.y - other.y];
      const scale = goal / Math.max(Math.hypot(dx, dy), 1e-6);
      x += weight * (other.x + dx * scale);
      y += weight * (other.y + dy * scale);
      sum += weight;
    });
    return sum > 0 ? { x: x / sum, y: y / sum } : at;
  });
}

/** Turned so that the longest extent lies across, the first region to the left. */
function turn(points) {
  const mean = (key) => points.reduce((sum, point) => sum + point[key], 0) / points.length;
  const [mx, my] = [mean('x'), mean('y')];
  const moved = points.map(({ x, y }) => ({ x: x - mx, y: y - my }));
  const sum = (of) => moved.reduce((total, point) => total + of(point), 0);
  const angle = Math.atan2(2 * sum(({ x, y }) => x * y), sum(({ x, y }) => x * x - y * y)) / 2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turned = moved.map(({ x, y }) => ({ x: x * cos + y * sin, y: y * cos - x * sin }));
  const flip = turned[0].x > 0 ? -1 : 1;
  return turned.map(({ x, y }) => ({ x: x * flip, y: y * flip }));
}

/** Pushes apart what would cover each other. */
function separate(points, least) {
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < points.length; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [points[i], points[j]];
        const apart = Math.hypot(a.x - b.x, a.y - b.y) || 1e-3;
        if (apart < least) {
          const push = (least - apart) / 2 / apart;
          const [dx, dy] = [(a.x - b.x || 1e-3) * push, (a.y - b.y) * push];
          Object.assign(a, { x: a.x + dx, y: a.y + dy });
          Object.assign(b, { x: b.x - dx, y: b.y - dy });
        }
      }
    }
  }
  return points;
}

/** Fits into the box with the same scale in both directions. */
function fit(points, { width, height, margin, least }) {
  const extent = (list, key) => {
    const values = list.map((point) => point[key]);
    return [Math.min(...values), Math.max(...values)];
  };
  const place = (list) => {
    const [[left, right], [top, bottom]] = [extent(list, 'x'), extent(list, 'y')];
    const scale = Math.min(
      (width - 2 * margin.x) / Math.max(right - left, 1e-6),
      (height - 2 * margin.y) / Math.max(bottom - top, 1e-6),
    );
    return list.map(({ x, y }) => ({
      x: width / 2 + (x - (left + right) / 2) * scale,
      y: height / 2 + (y - (top + bottom) / 2) * scale,
    }));
  };
  return place(separate(place(points), least));
}

/** {name: {x, y}} of regions in a box {width, height, margin: {x, y}, least}, in its units. */
export function placeRegions(regions, box) {
  const names = regions.map(({ name }) => name).sort();
  if (names.length < 2) {
    return Object.fromEntries(names.map((name) => [name, { x: box.width / 2, y: box.height / 2 }]));
  }
  const wanted = goals(names, distancesOf(regions));
  let points = names.map((_, i) => {
    const angle = (2 * Math.PI * i) / names.length;
    return { x: 50 * Math.cos(angle), y: 50 * Math.sin(angle) };
  });
  for (let round = 0; round < ROUNDS; round++) {
    points = improve(points, wanted);
  }
  const across = turn(points);
  const placed = fit(box.width < box.height ? across.map(({ x, y }) => ({ x: y, y: x })) : across, box);
  return Object.fromEntries(names.map((name, i) => [name, placed[i]]));
}
