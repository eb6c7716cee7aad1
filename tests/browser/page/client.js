// SPDX-License-Identifier: Apache-2.0
//
// One participant, in a page. The tests drive it from outside through two globals: `lk`, the SDK,
// and `me`, which keeps the room, writes down every event and message, plays what it receives, and
// reads WebRTC's own statistics.
import * as lk from 'livekit-client';

/** Every peer connection of the page: a receiver's own statistics miss SSRCs that are not signalled. */
const connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) {
    super(...args);
    connections.push(this);
  }

  /** As of a client that knows of REMB alone, if `me.withoutTransportCc` is set. */
  async createOffer(...args) {
    const { type, sdp } = await super.createOffer(...args);
    const kept = sdp.split('\r\n').filter((line) => !/transport-cc|transport-wide-cc/.test(line));
    return { type, sdp: me.withoutTransportCc ? kept.join('\r\n') : sdp };
  }
};

/** Pictures and sound are played, since what nobody plays is not decoded by every browser. */
class Player {
  constructor() {
    this.decodesOnly = false;
    this.frames = new Map(); // 'identity source' -> times of presented frames, ms
  }

  play(track, identity) {
    if (this.decodesOnly && track.kind === 'video') {
      this.decode(track, this.times(identity, track.source));
      return;
    }
    const element = track.attach();
    element.dataset.sid = track.sid;
    document.body.append(element);
    if (track.kind !== 'video' || !element.requestVideoFrameCallback) {
      return;
    }
    const times = this.times(identity, track.source);
    const presented = (now) => {
      times.push(now);
      element.requestVideoFrameCallback(presented);
    };
    element.requestVideoFrameCallback(presented);
  }

  /** Notes every decoded picture and shows none: what a screen adds is left out. Chromium's alone. */
  async decode(track, times) {
    const reader = new MediaStreamTrackProcessor({ track: track.mediaStreamTrack }).readable.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      times.push(performance.now());
      next.value.close();
    }
  }

  stop(track) {
    for (const element of track.detach()) {
      element.remove();
    }
  }

  /** Over all tracks of that source, one after another. */
  times(identity, source) {
    const key = `${identity} ${source}`;
    if (!this.frames.has(key)) {
      this.frames.set(key, []);
    }
    return this.frames.get(key);
  }
}

const who = (thing) => thing?.identity ?? thing?.source ?? thing?.name ?? undefined;

/** What an event was about, short enough to print. */
function describe(values) {
  return values.map((value) => (typeof value === 'object' ? who(value) : value));
}

const me = {
  room: undefined,
  events: [], // {name, about, at}
  messages: [], // {from, topic, text, kind}
  errors: [],
  player: new Player(),
  withoutTransportCc: false,

  /** Connects, and resolves when the SDK says so; `enter` for one that fails. */
  async join(url, token, options = {}, connectOptions = {}) {
    const room = new lk.Room(options);
    me.room = room;
    for (const name of Object.values(lk.RoomEvent)) {
      room.on(name, (...values) =>
        me.events.push({ name, about: describe(values), at: performance.now() }),
      );
    }
    room.on('trackSubscribed', (track, _, { identity }) => me.player.play(track, identity));
    room.on('trackUnsubscribed', (track) => me.player.stop(track));
    room.on('dataReceived', (payload, from, kind, topic) =>
      me.messages.push({
        from: from?.identity,
        topic,
        text: new TextDecoder().decode(payload),
        kind: lk.DataPacket_Kind[kind],
      }),
    );
    await room.connect(url, token, connectOptions);
    room.engine.on('signalResumed', () => // the SDK says `reconnected` 2 s after
      me.events.push({ name: 'signalResumed', about: [], at: performance.now() }));
  },

  /** As join, for a join that is to fail: resolves with what the SDK threw. */
  async fail(url, token, connectOptions) {
    try {
      await me.join(url, token, {}, { maxRetries: 0, ...connectOptions });
    } catch (error) {
      return {
        type: error.name,
        reason: lk.ConnectionErrorReason[error.reason],
        status: error.status,
        message: error.message,
      };
    }
    throw new Error('the join was to fail, and did not');
  },

  async leave() {
    await me.room.disconnect();
  },

  count(name) {
    return me.events.filter((event) => event.name === name).length;
  },

  participant(identity) {
    return identity === me.room.localParticipant.identity
      ? me.room.localParticipant
      : me.room.getParticipantByIdentity(identity);
  },

  publication(identity, source) {
    return me.participant(identity)?.getTrackPublication(source);
  },

  /** The outgoing RTP streams of a track of one's own. */
  async sent(source) {
    const report = await me.publication(me.room.localParticipant.identity, source).track.getRTCStatsReport();
    return [...report.values()]
      .filter(({ type }) => type === 'outbound-rtp')
      .map((stat) => ({ ...stat, codec: report.get(stat.codecId)?.mimeType }));
  },

  /** The candidates of the pair in use: {local, remote}; {} while there is none. */
  async pairInUse() {
    for (const connection of connections) {
      const report = await connection.getStats();
      const transport = [...report.values()].find(({ type }) => type === 'transport');
      // Firefox says of pairs alone; elsewhere one that was in use before may stay nominated.
      const pair = transport?.selectedCandidatePairId
        ? report.get(transport.selectedCandidatePairId)
        : [...report.values()].find(
            ({ type, nominated, state }) =>
              type === 'candidate-pair' && nominated && state === 'succeeded',
          );
      if (pair) {
        return {
          local: report.get(pair.localCandidateId),
          remote: report.get(pair.remoteCandidateId),
        };
      }
    }
    return {};
  },

  /** The protocol of the candidate pair in use. */
  async protocol() {
    return (await me.pairInUse()).remote?.protocol;
  },

  /** One's own side of it. */
  async localCandidate() {
    return (await me.pairInUse()).local;
  },

  /** Numbers of what one receives of a track now; zeros while there is nothing. */
  async received(identity, source) {
    const id = me.publication(identity, source)?.track?.mediaStreamTrack.id;
    const live = connections.filter(({ connectionState }) => connectionState !== 'closed');
    const reports = await Promise.all(live.map((connection) => connection.getStats()));
    const isOurs = ({ type, trackIdentifier }) => type === 'inbound-rtp' && trackIdentifier === id;
    const report = reports.find((one) => [...one.values()].some(isOurs));
    const stream = report && [...report.values()].find(isOurs);
    return {
      ssrc: stream?.ssrc ?? 0,
      codec: report?.get(stream.codecId)?.mimeType,
      frameWidth: stream?.frameWidth ?? 0,
      framesDecoded: stream?.framesDecoded ?? 0,
      packetsReceived: stream?.packetsReceived ?? 0,
      packetsLost: stream?.packetsLost ?? 0,
      pliCount: stream?.pliCount ?? 0,
      totalAudioEnergy: stream?.totalAudioEnergy ?? 0,
    };
  },

  /** What WebRTC counts of all streams that come in and go out (RTCStats), one a stream. */
  async streams() {
    const live = connections.filter(({ connectionState }) => connectionState !== 'closed');
    const reports = await Promise.all(live.map((connection) => connection.getStats()));
    return reports
      .flatMap((report) => [...report.values()])
      .filter(({ type }) => type === 'inbound-rtp' || type === 'outbound-rtp');
  },

  /** How much was played and not made up of each sound that is received now, ms. */
  async sounds() {
    const names = new Map(
      [...me.room.remoteParticipants.keys()].map((identity) => [
        me.publication(identity, 'microphone')?.track?.mediaStreamTrack.id,
        identity,
      ]),
    );
    const isSound = ({ type, kind, trackIdentifier }) =>
      type === 'inbound-rtp' && kind === 'audio' && names.has(trackIdentifier);
    return (await me.streams()).filter(isSound).map((stream) => ({
      identity: names.get(stream.trackIdentifier),
      ssrc: stream.ssrc,
      at: stream.timestamp,
      played: ((stream.totalSamplesReceived ?? 0) - (stream.concealedSamples ?? 0)) / 48,
    }));
  },

  /** Keeps in `played` the last of sounds() for each SSRC there was since; libwebrtc forgets those. */
  watchSounds() {
    const played = new Map();
    const watch = async () => {
      for (const sound of await me.sounds()) {
        played.set(`${sound.identity} ${sound.ssrc}`, sound);
      }
      me.played = [...played.values()];
    };
    clearInterval(me.watching);
    me.watching = setInterval(watch, 50); // how long WebRTC keeps its statistics
    return watch();
  },

  /** Everybody's sid and those of their tracks, by identity. */
  sids() {
    const others = [...me.room.remoteParticipants.values()];
    const people = [me.room.localParticipant, ...others.sort((a, b) => (a.sid < b.sid ? -1 : 1))];
    return Object.fromEntries(
      people.map(({ identity, sid, trackPublications }) => [
        identity,
        [sid, ...[...trackPublications.keys()].sort()].join(' '),
      ]),
    );
  },

  /** What congestion control lets out, bit/s; of the widest connection. */
  async uplinkBps() {
    const live = connections.filter(({ connectionState }) => connectionState !== 'closed');
    const reports = await Promise.all(live.map((connection) => connection.getStats()));
    const pairs = reports.flatMap((report) => [...report.values()]);
    return Math.max(0, ...pairs.map(({ availableOutgoingBitrate }) => availableOutgoingBitrate ?? 0));
  },

  /** When pictures of somebody were presented, ms; whatever they came as: SSRCs, tracks, connections. */
  frameTimes(identity, source) {
    return me.player.times(identity, source);
  },

  /** The longest time without a new frame since `from` (performance.now() ms), ms. */
  longestGap(identity, source, from) {
    const times = me.frameTimes(identity, source);
    const before = times.filter((time) => time <= from).pop() ?? from;
    const series = [before, ...times.filter((time) => time > from), performance.now()];
    return Math.max(...series.slice(1).map((time, i) => time - series[i]));
  },

  /**
   * A camera that needs no device: a canvas whose picture changes with every frame. Above 640
   * pixels, three layers of a half each; their rates are low, so that they need no long ramp.
   */
  async publishCanvas({ width, height, fps = 15, name, ...options }) {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    let n = 0;
    const draw = () => {
      n += 1;
      context.fillStyle = `hsl(${(n * 7) % 360} 70% 50%)`;
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#fff';
      context.font = `${Math.floor(height / 3)}px sans-serif`;
      context.fillText(String(n), width / 4, height / 2);
    };
    draw();
    setInterval(draw, 1000 / fps);
    const [track] = canvas.captureStream(fps).getVideoTracks();
    const layer = (part, rate) => new lk.VideoPreset(width / part, height / part, rate, fps);
    const publication = await me.room.localParticipant.publishTrack(track, {
      name,
      source: lk.Track.Source.Camera,
      videoEncoding: { maxBitrate: 400_000, maxFramerate: fps },
      videoSimulcastLayers: width > 640 ? [layer(4, 60_000), layer(2, 150_000)] : [layer(2, 100_000)],
      ...options,
    });
    return publication.trackSid;
  },

  /** A microphone that needs no device: a tone without a pause. */
  async publishTone(options) {
    const context = new AudioContext();
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 2 });
    const tone = new OscillatorNode(context, { frequency: 440 });
    tone.connect(out);
    tone.start();
    await me.room.localParticipant.publishTrack(out.stream.getAudioTracks()[0], {
      source: lk.Track.Source.Microphone,
      ...options,
    });
  },

  async send(text, options) {
    await me.room.localParticipant.publishData(new TextEncoder().encode(text), options);
  },

  texts(topic, sender) {
    return me.messages
      .filter((message) => message.topic === topic && (!sender || message.from === sender))
      .map(({ text }) => text);
  },
};

window.addEventListener('error', (event) => me.errors.push(String(event.message)));
window.addEventListener('unhandledrejection', (event) => me.errors.push(String(event.reason)));

window.lk = lk;
window.me = me;
