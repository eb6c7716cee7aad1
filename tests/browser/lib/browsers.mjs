// SPDX-License-Identifier: Apache-2.0
//
// Debian's own browsers, headless, with fake cameras and microphones: Chromium through
// playwright-core, Firefox through puppeteer-core. Both come out as the same small thing: pages of
// which each is a person of its own, and a function to run in one.
import { fileURLToPath } from 'node:url';
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--auto-select-desktop-capture-source=Entire screen',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

const firefoxPrefs = {
  'media.navigator.permission.disabled': true,
  'media.navigator.streams.fake': true,
  'media.autoplay.default': 0,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'dom.min_background_timeout_value': 10,
};

/** {open(url) -> {page, run(fn, ...args), close()}, close()} */
export async function openChromium(flags = [], more = {}) {
  const browser = await playwright.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...chromiumFlags, ...flags],
    ...more,
  });
  return {
    name: 'Chromium',
    version: browser.version(),
    async open(url, options = {}) {
      const context = await browser.newContext(options); // a person shares nothing with others
      const page = await context.newPage();
      await page.goto(url);
      return {
        page,
        run: (fn, ...args) =>
          page.evaluate(`(${fn})(...${JSON.stringify(args)})`),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

/** One that runs in a region of tests/link/in_regions. */
export function openChromiumIn(region, flags = []) {
  return openChromium(flags, {
    executablePath: fileURLToPath(new URL('../chromium_in_region', import.meta.url)),
    env: { ...process.env, SPILLWAY_REGION: region },
  });
}

export async function openFirefox() {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: firefoxPrefs,
  });
  return {
    name: 'Firefox',
    async open(url) {
      const page = await browser.newPage({ type: 'window' }); // a tab behind presents no frames
      await page.goto(url);
      return { page, run: (fn, ...args) => page.evaluate(fn, ...args), close: () => page.close() };
    },
    close: () => browser.close(),
  };
}
