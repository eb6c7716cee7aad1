// SPDX-License-Identifier: Apache-2.0
//
// What went wrong, in words for whoever it went wrong for.
import { ConnectionError, ConnectionErrorReason, isBrowserSupported } from 'livekit-client';
import { roomFromAddress, tokenFromAddress } from './entry.js';
import { say } from './words/words.js';

/** Of this browser or this address, before anything was tried; or ''. */
export function troubleBefore() {
  if (!isBrowserSupported()) {
    return say('oldBrowser');
  }
  return /^\/meet\/./.test(location.pathname) && !roomFromAddress() ? say('wrongLink') : '';
}

/** Of a connection that was not made. */
export function troubleJoining({ message, reason, status }) {
  if (reason === ConnectionErrorReason.Cancelled) {
    return ''; // by whoever left before it was made, and knows
  }
  if (status === 401 && tokenFromAddress()) {
    return say('linkRefused', { error: message.replace(/^could not establish signal connection: /, '') });
  }
  if (reason === ConnectionErrorReason.InternalError) {
    return say('notTaken'); // a 503, most likely: the SDK does not pass it on
  }
  return reason === ConnectionErrorReason.ServerUnreachable ? say('serverSilent') : message;
}

/** What a camera or a microphone has, by getUserMedia's names; null of what is neither. */
const deviceErrors = {
  NotFoundError: 'notFound',
  OverconstrainedError: 'notFound', // the one that was chosen, where others are
  NotReadableError: 'inUse', // by another program, mostly
};
const deviceError = ({ name }) => (Object.hasOwn(deviceErrors, name) ? say(deviceErrors[name]) : null);

/** Of devices (their words) that could not be opened in the lobby. */
export function troubleWith(devices, error) {
  if (error.name === 'NotAllowedError') {
    return say('devicesDenied');
  }
  const names = devices.map((name) => say(name)).join(', ');
  return say('deviceFailed', { devices: names, error: deviceError(error) ?? error.message });
}

/** Of something that failed in a meeting which goes on. */
export function troubleInMeeting(error) {
  if (error.name === 'NotAllowedError') {
    return say('deviceDenied');
  }
  const text = deviceError(error);
  return text ? say('deviceTrouble', { error: text }) : error.message;
}

export const endsMeeting = (error) => error instanceof ConnectionError;
