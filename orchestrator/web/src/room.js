// SPDX-License-Identifier: Apache-2.0
//
// What is read off a room, read again with each of some of its events.
import { useEffect, useState } from 'react';

/** `read(room)`, a plain value; events and read are the same ones at each call. */
export function useOfRoom(room, events, read) {
  const [value, setValue] = useState(() => read(room));
  useEffect(() => {
    const again = () => setValue(read(room));
    again();
    events.forEach((event) => room.on(event, again));
    return () => events.forEach((event) => room.off(event, again));
  }, [room, events, read]);
  return value;
}
