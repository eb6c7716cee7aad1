// SPDX-License-Identifier: Apache-2.0
//
// What the orchestrator says, kept up to date: the snapshot every two seconds and whenever something
// happened, less often where it takes long to make; events as they come. When it does not answer, what
// it said last stays, with its time.
import { useCallback, useEffect, useRef, useState } from 'react';
import { call } from './api.js';

const EVERY_MS = 2000;
const AGAIN_MS = 1000;
const LEAST_MS = 300; // between two, whatever happens
const SHARE = 10; // of the time it may be asked for this part
const EVENTS_WAIT_S = 25;
const EVENTS_MAX = 5000;

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sleeps so long, or until wake() of the same object. */
class Alarm {
  sleep(ms) {
    return Promise.race([after(ms), new Promise((resolve) => (this.wake = resolve))]);
  }
}

/**
 * Runs step(signal) again and again until the component goes; it returns how long to pause: {leastMs,
 * of which nothing wakes it, mostMs}.
 */
function useLoop(step, alarm) {
  useEffect(() => {
    const control = new AbortController();
    const run = async () => {
      while (!control.signal.aborted) {
        const { leastMs, mostMs } = await step(control.signal);
        await after(leastMs);
        await alarm.sleep(mostMs - leastMs);
      }
    };
    run();
    return () => {
      control.abort();
      alarm.wake?.();
    };
  }, [step, alarm]);
}

/**
 * {data, at, since, refresh()}: the last answer to GET `path`, when it came, and since when there is
 * none, or null. onRefused(failure) when there was an answer that is none of success.
 */
export function useAnswer(token, path, onRefused) {
  const [state, setState] = useState({ path, data: null, at: null, since: null });
  const alarm = useRef(null);
  alarm.current ??= new Alarm();
  const step = useCallback(
    async (signal) => {
      const asked = Date.now();
      try {
        const data = await call(token, 'GET', path, { signal });
        setState({ path, data, at: Date.now(), since: null });
        const tookMs = Date.now() - asked;
        return { leastMs: Math.max(LEAST_MS, tookMs), mostMs: Math.max(EVERY_MS, SHARE * tookMs) };
      } catch (failure) {
        if (!signal.aborted) {
          setState((before) => ({ ...before, since: before.since ?? asked }));
          if (failure.status !== 0) {
            onRefused(failure);
          }
        }
        return { leastMs: 0, mostMs: AGAIN_MS };
      }
    },
    [token, path, onRefused],
  );
  useLoop(step, alarm.current);
  const refresh = useCallback(() => alarm.current.wake?.(), []);
  const current = state.path === path ? state : { data: null, at: null, since: null };
  return { ...current, refresh };
}

/** {events, lost}, the oldest first; onNews() when there are new ones, or no answer. */
export function useEvents(token, onNews) {
  const [state, setState] = useState({ events: [], lost: 0 });
  const cursor = useRef(null);
  const alarm = useRef(null);
  alarm.current ??= new Alarm();
  const step = useCallback(
    async (signal) => {
      const waitS = cursor.current === null ? 0 : EVENTS_WAIT_S; // first of all, what there is
      const path = `events?wait_s=${waitS}&after=${encodeURIComponent(cursor.current ?? '')}`;
      try {
        const answer = await call(token, 'GET', path, { signal, waitMs: EVENTS_WAIT_S * 1000 });
        cursor.current = answer.cursor;
        if (answer.events.length > 0 || answer.missed.length > 0) {
          const lost = answer.missed.reduce((sum, { events }) => sum + (events ?? 1), 0);
          setState((before) => ({
            events: [...before.events, ...answer.events].slice(-EVENTS_MAX),
            lost: before.lost + lost,
          }));
          onNews();
        }
        return { leastMs: 0, mostMs: 0 };
      } catch ({ status }) {
        if (status === 0 && !signal.aborted) {
          onNews(); // the snapshot says what is wrong, and may not be asked for soon
        }
        return { leastMs: 0, mostMs: AGAIN_MS };
      }
    },
    [token, onNews],
  );
  useLoop(step, alarm.current);
  return state;
}

/** The time, once a second. */
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
