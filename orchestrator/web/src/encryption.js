// SPDX-License-Identifier: Apache-2.0
//
// End-to-end encryption: one passphrase for everybody in a room, which no server sees. A link carries
// it behind its #, which browsers keep to themselves.
import { ExternalE2EEKeyProvider } from 'livekit-client';

/* global ENCRYPTION_WORKER */

const FINGERPRINT_ROUNDS = 200_000; // a person's own passphrase should not be found by trying
const FINGERPRINT_BITS = 64;

export const canEncrypt =
  window.isSecureContext &&
  ('RTCRtpScriptTransform' in window || 'createEncodedStreams' in (window.RTCRtpSender?.prototype ?? {}));

/** Nobody guesses it: 128 bits, in letters that a link may have. */
export function newPassphrase() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...random)).replace(/[+/=]/g, (sign) => ({ '+': '-', '/': '_' })[sign] ?? '');
}

/** For two people to compare aloud; tells nothing of the passphrase. */
export async function fingerprintOf(passphrase, room) {
  const utf8 = new TextEncoder();
  const secret = await crypto.subtle.importKey('raw', utf8.encode(passphrase), 'PBKDF2', false, [
    'deriveBits',
  ]);
  const how = {
    name: 'PBKDF2',
    hash: 'SHA-256',
    salt: utf8.encode(`Spillway fingerprint ${room}`),
    iterations: FINGERPRINT_ROUNDS,
  };
  const bits = await crypto.subtle.deriveBits(how, secret, FINGERPRINT_BITS);
  const hex = [...new Uint8Array(bits)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.toUpperCase().match(/.{4}/g).join(' ');
}

/** What a Room that encrypts is made with. */
export async function encryptionWith(passphrase) {
  const keyProvider = new ExternalE2EEKeyProvider();
  const worker = new Worker(ENCRYPTION_WORKER, { type: 'module' });
  await keyProvider.setKey(passphrase);
  return { keyProvider, worker };
}
