// SPDX-License-Identifier: Apache-2.0
//
// Keeps the page, so that it opens while the server that it came from is being replaced: an installed
// page is an app. The page itself comes from the network where that answers in time; what lies under
// /assets/ never changes. Nothing else is kept: no tokens, no meeting.

/* global PAGE_FILES, PAGE_VERSION */

const NAME = `page-${PAGE_VERSION}`;
const PATIENCE_MS = 3000;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(PAGE_FILES)).then(() => self.skipWaiting()));
});

async function dropOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== NAME).map((name) => caches.delete(name)));
  await self.clients.claim();
}
self.addEventListener('activate', (event) => event.waitUntil(dropOthers()));

async function page(request) {
  const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(Response.error);
  const there = answer.ok || (answer.status >= 300 && answer.status < 500); // a proxy says 502 for a server
  return there ? answer : ((await caches.match('/')) ?? answer);
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin || request.method !== 'GET') {
    return;
  }
  if (request.mode === 'navigate' && (pathname === '/' || pathname.startsWith('/meet/'))) {
    event.respondWith(page(request));
  } else if (PAGE_FILES.includes(pathname)) {
    event.respondWith(caches.match(pathname).then((kept) => kept ?? fetch(request)));
  }
});
