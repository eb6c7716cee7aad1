// SPDX-License-Identifier: Apache-2.0
//
// The operator's token: kept for this tab alone, never in an address that a server or the history sees.
const KEY = 'spillway-console-token';
const ROLES = ['read', 'operate', 'admin'];

/** What the token says, unverified: whether it is true the orchestrator decides with each call. */
function claimsOf(token) {
  try {
    const [, payload] = token.split('.');
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

/** The role, or what LiveKit's grants are worth; '' none (docs/protocols/admin-api.md). */
export function roleOf(token) {
  const { spillway, video } = claimsOf(token);
  if (video?.roomCreate) {
    return 'admin';
  }
  return ROLES.includes(spillway?.role) ? spillway.role : video?.roomList ? 'read' : '';
}

export const may = (role, wanted) => ROLES.indexOf(role) >= ROLES.indexOf(wanted);

/** A token of the address's #token=, which is removed from it, or of this tab. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) {
    history.replaceState(null, '', location.pathname);
    keepToken(given.trim());
  }
  return sessionStorage.getItem(KEY) ?? '';
}

export function keepToken(token) {
  if (token) {
    sessionStorage.setItem(KEY, token);
  } else {
    sessionStorage.removeItem(KEY);
  }
}
