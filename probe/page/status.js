// SPDX-License-Identifier: Apache-2.0
//
// What the page cannot say of itself: times in the reader's zone, whether it is old by the reader's
// clock, and what came since. Every look at it fetches the page anew and takes its <main>, so that
// there is one way to draw it, the probe's.
const LOOK_MS = 30_000;
const main = () => document.querySelector('main');

/** 3 minutes, 2 hours, 5 days. */
function span(seconds) {
  const [count, unit] =
    seconds < 5400 ? [seconds / 60, 'minute'] : seconds < 129_600 ? [seconds / 3600, 'hour'] : [seconds / 86_400, 'day'];
  const whole = Math.max(1, Math.round(count));
  return `${whole} ${unit}${whole === 1 ? '' : 's'}`;
}

function showLocalTimes() {
  const form = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  for (const time of document.querySelectorAll('time')) {
    time.textContent = form.format(new Date(time.dateTime));
  }
}

function showAge() {
  const { generated, staleAfter } = main().dataset;
  const age = Date.now() / 1000 - Number(generated);
  const old = age > Number(staleAfter);
  const notice = main().querySelector('[role="alert"]');
  notice.querySelector('b').textContent = span(age);
  notice.hidden = !old;
  document.body.classList.toggle('old', old);
}

async function fetchNext() {
  const response = await fetch(location.pathname, { cache: 'no-cache' });
  if (!response.ok) {
    return;
  }
  const next = new DOMParser().parseFromString(await response.text(), 'text/html');
  const came = next.querySelector('main[data-generated]');
  if (came && came.dataset.generated !== main().dataset.generated) {
    main().replaceWith(came);
    document.title = next.title;
    document.querySelector('link[rel="icon"]').href = next.querySelector('link[rel="icon"]').getAttribute('href');
    showLocalTimes();
  }
}

showLocalTimes();
showAge();
setInterval(() => {
  fetchNext()
    .catch(() => {}) // whoever serves the page is away: what is here grows old
    .then(showAge);
}, LOOK_MS);
