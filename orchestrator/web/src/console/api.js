// SPDX-License-Identifier: Apache-2.0
//
// The admin API of the orchestrator that this page came from (docs/protocols/admin-api.md).

const ANSWER_MS = 6000; // lists of everybody's wait 2 s for orchestrators that do not answer

/** status 0: no answer at all. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function read(response) {
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) {
    throw new Failure(response.status, answer?.message ?? `the server says ${response.status}`);
  }
  return answer;
}

/** options: body (an object), waitMs (that the server may take beyond the usual), signal. */
export async function call(token, method, path, { body, waitMs = 0, signal } = {}) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), ANSWER_MS + waitMs);
  signal?.addEventListener('abort', () => control.abort());
  try {
    const response = await fetch(`/admin/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      body: body && JSON.stringify(body),
      signal: control.signal,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    return await read(response);
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(0, 'the orchestrator does not answer');
  } finally {
    clearTimeout(timer);
  }
}

/** A name in a path: what servers tidy up is encoded once more. */
export const pathOf = (name) =>
  encodeURIComponent(name.replace(/[%/]|^\./g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`));
