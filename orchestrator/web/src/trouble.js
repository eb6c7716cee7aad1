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

/** Of something that failed in a meeting which goes on. */
export function troubleInMeeting(error) {
  return error.name === 'NotAllowedError' ? say('deviceDenied') : error.message;
}

export const endsMeeting = (error) => error instanceof ConnectionError;
