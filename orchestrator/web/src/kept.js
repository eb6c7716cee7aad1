// SPDX-License-Identifier: Apache-2.0
//
// What somebody chose once, kept in the browser.
import { useCallback, useState } from 'react';

const keyOf = (name) => `spillway-${name}`;

/** A text, or what it is before anything was chosen. */
export const kept = (name, before) => localStorage.getItem(keyOf(name)) ?? before;

/** [text, set] of such a choice. */
export function useKept(name, before) {
  const [text, setText] = useState(() => kept(name, before));
  const set = useCallback(
    (next) => {
      localStorage.setItem(keyOf(name), next);
      setText(next);
    },
    [name],
  );
  return [text, set];
}

/** [on, setOn] of a choice with two sides. */
export function useKeptSwitch(name, before) {
  const [text, set] = useKept(name, String(before));
  return [text === 'true', useCallback((on) => set(String(on)), [set])];
}
