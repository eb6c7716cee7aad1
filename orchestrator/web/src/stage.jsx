// SPDX-License-Identifier: Apache-2.0
//
// The pictures: all of them alike, or one of them large and the others in a row.
import {
  CarouselLayout,
  FocusLayoutContainer,
  isTrackReference,
  usePinnedTracks,
  useRoomContext,
  useTracks,
} from '@livekit/components-react';
import { RoomEvent, Track } from 'livekit-client';
import { useEffect, useState } from 'react';
import { Grid } from './grid.jsx';
import { Tile } from './tile.jsx';
import { isWaiting } from './waiting.jsx';

const { Camera, ScreenShare } = Track.Source;
const updateOnlyOn = [RoomEvent.ActiveSpeakersChanged, RoomEvent.ParticipantPermissionsChanged];

/** Who of the others spoke last. */
function useLastSpeaker(room) {
  const [identity, setIdentity] = useState('');
  useEffect(() => {
    const speak = (speakers) => {
      const other = speakers.find(({ isLocal }) => !isLocal);
      setIdentity((before) => other?.identity ?? before);
    };
    room.on(RoomEvent.ActiveSpeakersChanged, speak);
    return () => void room.off(RoomEvent.ActiveSpeakersChanged, speak);
  }, [room]);
  return identity;
}

const key = (track) => `${track.participant.identity} ${track.source}`;

/** Of the others: whoever spoke last, or else any. */
function speakersTrack(tracks, identity) {
  const cameras = tracks.filter(({ source, participant }) => source === Camera && !participant.isLocal);
  return cameras.find(({ participant }) => participant.identity === identity) ?? cameras[0];
}

/** Large is what was pinned, or else a shared screen, or else, if wanted, who speaks. */
export function Stage({ layout, speakerView }) {
  const speaker = useLastSpeaker(useRoomContext());
  const all = useTracks(
    [
      { source: Camera, withPlaceholder: true },
      { source: ScreenShare, withPlaceholder: false },
    ],
    { updateOnlyOn, onlySubscribed: false },
  );
  const tracks = all.filter(({ participant }) => !isWaiting(participant));
  const pinned = usePinnedTracks(layout)[0];
  const large =
    tracks.find((track) => pinned && key(track) === key(pinned)) ??
    tracks.find((track) => isTrackReference(track) && track.source === ScreenShare) ??
    (speakerView ? speakersTrack(tracks, speaker) : undefined);
  if (!large) {
    return (
      <Grid tracks={tracks}>
        <Tile />
      </Grid>
    );
  }
  return (
    <FocusLayoutContainer>
      <CarouselLayout tracks={tracks.filter((track) => track !== large)}>
        <Tile />
      </CarouselLayout>
      <div className="large">
        <Tile trackRef={large} />
      </div>
    </FocusLayoutContainer>
  );
}
