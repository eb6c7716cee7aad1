// SPDX-License-Identifier: Apache-2.0
//
// Drawings that the components' library has none of; a font with emoji is not everywhere.
const Icon = ({ path }) => (
  <svg viewBox="0 0 16 16" width="16" height="16" fill="currentColor" aria-hidden="true">
    <path d={path} />
  </svg>
);

export const HandIcon = () => (
  <Icon path="M5 8V3.5a1 1 0 0 1 2 0V7h.5V2a1 1 0 0 1 2 0v5h.5V3a1 1 0 0 1 2 0v6.5c0 3.3-1.6 5.5-4.2 5.5-2 0-3-.9-4-2.7L1.9 9.4a1 1 0 0 1 1.7-1L5 10z" />
);

export const PeopleIcon = () => (
  <Icon path="M6 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm0 1c-3 0-5 1.5-5 3.5V14h10v-1.5C11 10.5 9 9 6 9zm5.5-1.5a2.3 2.3 0 1 0-1-4.4 4 4 0 0 1 0 4.2c.3.1.6.2 1 .2zm.8 1.6c1.2.8 1.7 2 1.7 3.4V14h2v-1.3c0-1.8-1.4-3.3-3.7-3.6z" />
);

export const MoreIcon = () => (
  <Icon path="M3 6.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z" />
);

export const SpeakerIcon = () => (
  <Icon path="M1.5 5.5h2.7L8 2.3v11.4L4.2 10.5H1.5zm8.3-.4a4.2 4.2 0 0 1 0 5.8l-.9-.9a2.9 2.9 0 0 0 0-4zm1.9-2a7 7 0 0 1 0 9.8l-.9-.9a5.7 5.7 0 0 0 0-8z" />
);

/** Beside a name; its own words are for those who do not see it. */
export const HandRaised = ({ label }) => (
  <span className="hand" role="img" aria-label={label}>
    <HandIcon />
  </span>
);
