// SPDX-License-Identifier: Apache-2.0
//
// What somebody chose once, kept in the browser.
import { useCallback, useState } from 'react';

/** [on, setOn] of a choice with two sides. */
export function useKeptSwitch(name, before) {
  const key = `spillway-${name}`;
  const [on, setOn] = useState(() => (localStorage.getItem(key) ?? String(before)) === 'true');
  const set = useCallback(
    (next) => {
      localStorage.setItem(key, String(next));
      setOn(next);
    },
    [key],
  );
  return [on, set];
}
