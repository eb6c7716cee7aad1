// SPDX-License-Identifier: Apache-2.0
//
// Takes docs/status.png: the status page, of rounds that are made up. npm run picture_status
import { fileURLToPath } from 'node:url';
import { openChromium } from './lib/browsers.mjs';
import { StatusFolder } from './lib/status_folder.mjs';

const folder = await StatusFolder.open();
const browser = await openChromium();
try {
  folder.publish('mixed');
  const { page } = await browser.open(folder.url, { viewport: { width: 860, height: 720 }, locale: 'en-GB' });
  await page.screenshot({
    path: fileURLToPath(new URL('../../docs/status.png', import.meta.url)),
    fullPage: true,
  });
} finally {
  await browser.close();
  folder.close();
}
