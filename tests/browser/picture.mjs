// SPDX-License-Identifier: Apache-2.0
//
// Takes docs/lobby.png and docs/meeting.png: the meeting page before a meeting, and with three people
// in it, whose cameras are drawings. The programs are named as for the tests: npm run picture
import { fileURLToPath } from 'node:url';
import { openChromium } from './lib/browsers.mjs';
import { Cluster, meetingPages } from './lib/cluster.mjs';

const target = (name) => fileURLToPath(new URL(`../../docs/${name}.png`, import.meta.url));
const PATIENCE_MS = 120_000;
const people = [
  { name: 'Amina', wall: '#b45309', hair: '#27150b', skin: '#8d5524', shirt: '#f5d0a9' },
  { name: 'Jonas', wall: '#155e75', hair: '#a86b32', skin: '#f1c9a5', shirt: '#1e293b' },
  { name: 'Mei', wall: '#4d7c0f', hair: '#111827', skin: '#e8b98a', shirt: '#e11d48' },
];

/** Runs in the page before anything else: the camera is somebody in front of a wall, nodding. */
function drawCamera({ wall, hair, skin, shirt }) {
  const ellipse = (context, colour, x, y, rx, ry) => {
    context.fillStyle = colour;
    context.beginPath();
    context.ellipse(x, y, rx, ry, 0, 0, 2 * Math.PI);
    context.fill();
  };
  const draw = (context) => {
    const nod = 6 * Math.sin(performance.now() / 400);
    const light = context.createLinearGradient(0, 0, 1280, 720);
    light.addColorStop(0, wall);
    light.addColorStop(1, '#0b0f10');
    context.fillStyle = light;
    context.fillRect(0, 0, 1280, 720);
    ellipse(context, shirt, 640, 780, 330, 270);
    ellipse(context, hair, 640, 270 + nod, 158, 180);
    ellipse(context, skin, 640, 500, 62, 90);
    ellipse(context, skin, 640, 315 + nod, 124, 158);
    ellipse(context, hair, 640, 190 + nod, 132, 62);
    ellipse(context, '#1f2937', 594, 310 + nod, 11, 11);
    ellipse(context, '#1f2937', 686, 310 + nod, 11, 11);
    ellipse(context, '#7f1d1d', 640, 398 + nod, 36, 9);
  };
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await real(constraints);
    const [camera] = stream.getVideoTracks();
    if (!camera) {
      return stream;
    }
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 640, height: 360 }); // three encoders and six decoders share the machine
    const context = canvas.getContext('2d');
    context.scale(0.5, 0.5);
    setInterval(() => draw(context), 100);
    const [drawn] = canvas.captureStream(10).getVideoTracks();
    drawn.getSettings = () => camera.getSettings();
    stream.removeTrack(camera);
    stream.addTrack(drawn);
    return stream;
  };
}

const cluster = await Cluster.start({ pages: meetingPages });
const browser = await openChromium();
try {
  let page;
  for (const { name, ...looks } of people) {
    ({ page } = await browser.open('about:blank', { viewport: { width: 1200, height: 720 } }));
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(drawCamera, looks);
    await page.goto(`${cluster.http}/meet/planning#key=sC0dlQtUJ2yF8q1n5bXeVw`);
    await page.getByLabel('Your name').fill(name);
    await page.locator('.preview video').waitFor();
    await page.screenshot({ path: target('lobby'), fullPage: true });
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('navigation').waitFor();
  }
  await page.waitForFunction(() => {
    const videos = [...document.querySelectorAll('.lk-participant-tile video')];
    return videos.filter((video) => video.videoWidth >= 320 && video.currentTime > 2).length === 3;
  });
  await page.getByRole('button', { name: 'Chat' }).click();
  await page.getByLabel('Message', { exact: true }).fill('Here are the numbers of last week.');
  await page.keyboard.press('Enter');
  await page.getByText('Encrypted', { exact: true }).click();
  await page.getByText(/^Fingerprint: \w/).waitFor();
  await page.screenshot({ path: target('meeting') });
} finally {
  await browser.close();
  await cluster.stop();
}
