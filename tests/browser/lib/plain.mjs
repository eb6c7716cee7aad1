// SPDX-License-Identifier: Apache-2.0
//
// Pages without an SDK: they publish by WHIP and play by WHEP, with an RTCPeerConnection of their own.
export const authorizationOf = async (stage, identity, grants) =>
  `Bearer ${await stage.cluster.token(stage.room, identity, grants)}`;

/**
 * A page of home (front, if it is not said) that offers to front (the first orchestrator), and plays
 * what it gets; resolves with {page, authorization, answer}. Others here take such a one.
 */
export async function connect(stage, who, path, how = {}) {
  const { front = stage.cluster.orchestrators[0], home = front, grants, simulcast = false } = how;
  const page = await stage.visitor(who, { front: home });
  const authorization = await authorizationOf(stage, who, grants);
  const answer = await page.run(
    async (url, auth, layers) => {
      const pc = new RTCPeerConnection();
      window.plain = { pc, frames: 0 };
      if (url.includes('/whip/')) {
        const camera = { width: 640, height: 360, frameRate: 15 };
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: camera });
        for (const track of stream.getTracks()) {
          const sendEncodings =
            track.kind === 'video' && layers
              ? [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }]
              : undefined;
          pc.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings });
        }
      } else {
        const element = document.createElement('video');
        element.autoplay = true;
        document.body.append(element);
        element.srcObject = new MediaStream();
        pc.ontrack = ({ track }) => element.srcObject.addTrack(track);
        const presented = () => {
          plain.frames += 1;
          element.requestVideoFrameCallback(presented);
        };
        element.requestVideoFrameCallback(presented);
        pc.addTransceiver('audio', { direction: 'recvonly' });
        pc.addTransceiver('video', { direction: 'recvonly' });
      }
      await pc.setLocalDescription();
      const response = await fetch(url, {
        method: 'POST',
        headers: { Authorization: auth, 'Content-Type': 'application/sdp' },
        body: pc.localDescription.sdp,
      });
      const body = await response.text();
      const location = response.headers.get('Location');
      plain.session = location && new URL(location, url).href;
      plain.etag = response.headers.get('ETag');
      if (response.status === 201) {
        plain.answer = body;
        await pc.setRemoteDescription({ type: 'answer', sdp: body });
      }
      return { status: response.status, retry: response.headers.get('Retry-After'), body };
    },
    front.http + path,
    authorization,
    simulcast,
  );
  return { page, authorization, answer };
}

/** Of the page's session: the status. */
export const change = ({ page, authorization }, method, headers = {}, body = undefined) =>
  page.run(
    async (verb, more, auth, content) =>
      (await fetch(plain.session, { method: verb, headers: { Authorization: auth, ...more }, body: content }))
        .status,
    method,
    headers,
    authorization,
    body ?? null,
  );

/**
 * Restarts the page's ICE (RFC 9725 §4.3.3); resolves with the status and, if that was done, whether
 * the server's credentials and ETag are others, the old ETag, and the line of the page's ufrag.
 */
export const restart = ({ page, authorization }) =>
  page.run(async (auth) => {
    const { pc } = plain;
    const of = (sdp, name) => sdp.match(new RegExp(`^a=${name}:.*`, 'm'))[0];
    pc.restartIce();
    await pc.setLocalDescription();
    const { sdp } = pc.localDescription;
    const response = await fetch(plain.session, {
      method: 'PATCH',
      headers: { Authorization: auth, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' },
      body: ['group', 'ice-ufrag', 'ice-pwd'].map((name) => `${of(sdp, name)}\r\n`).join(''),
    });
    const fragment = await response.text();
    if (response.status !== 200) {
      return { status: response.status, fragment };
    }
    const before = of(plain.answer, 'ice-ufrag');
    let answer = plain.answer.replace(/^a=candidate:.*\r\n/gm, '');
    for (const name of ['ice-ufrag', 'ice-pwd']) {
      answer = answer.replace(of(answer, name), of(fragment, name));
    }
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    for (const [candidate] of fragment.matchAll(/^a=candidate:.*/gm)) {
      await pc.addIceCandidate({ candidate: candidate.slice(2), sdpMid: fragment.match(/^a=mid:(.*)\r/m)[1] });
    }
    const old = plain.etag;
    plain.etag = response.headers.get('ETag');
    plain.answer = answer;
    return {
      status: response.status,
      renewed: before !== of(fragment, 'ice-ufrag') && plain.etag !== old,
      old,
      ufrag: `${of(sdp, 'ice-ufrag')}\r\n`,
    };
  }, authorization);

/** Waits until it is connected by the credentials that it offered last. */
export const restarted = ({ page }) =>
  page.until('connected by the new ICE session', async () => {
    const report = await plain.pc.getStats();
    const transport = [...report.values()].find(({ type }) => type === 'transport');
    const pair = report.get(transport?.selectedCandidatePairId);
    const mine = plain.pc.localDescription.sdp.match(/^a=ice-ufrag:(.*)\r/m)[1];
    const local = pair && report.get(pair.localCandidateId);
    return plain.pc.iceConnectionState === 'connected' && local?.usernameFragment === mine;
  });

/** Waits until the page got more pictures and sound. */
export async function plays({ page }) {
  const before = await page.run(() => plain.frames);
  await page.until(`plays pictures (${before} before)`, (least) => plain.frames >= least, before + 5);
  await page.until('plays sound', async () => {
    const report = await plain.pc.getStats();
    return [...report.values()].some(
      ({ type, kind, totalAudioEnergy }) =>
        type === 'inbound-rtp' && kind === 'audio' && totalAudioEnergy > 0,
    );
  });
}
