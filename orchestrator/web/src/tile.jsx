// SPDX-License-Identifier: Apache-2.0
//
// One person, or one person's screen: picture, name, what is muted, and a button that makes it large.
import {
  ConnectionQualityIndicator,
  FocusToggleIcon,
  LockLockedIcon,
  ParticipantContext,
  ParticipantName,
  ParticipantPlaceholder,
  ScreenShareIcon,
  TrackMutedIndicator,
  TrackRefContext,
  UnfocusToggleIcon,
  VideoTrack,
  isTrackReference,
  useEnsureTrackRef,
  useFocusToggle,
  useIsEncrypted,
  useParticipantAttribute,
  useParticipantTile,
} from '@livekit/components-react';
import { Track } from 'livekit-client';
import { HandRaised } from './icons.jsx';
import { HAND, nameOf } from './people.jsx';
import { say } from './words/words.js';

function Pin({ trackRef }) {
  const { mergedProps, inFocus } = useFocusToggle({
    trackRef,
    props: { className: 'lk-button lk-focus-toggle-button', type: 'button' },
  });
  return (
    <button {...mergedProps} aria-label={say('makeLarge', { name: nameOf(trackRef.participant) })} aria-pressed={inFocus}>
      {inFocus ? <UnfocusToggleIcon /> : <FocusToggleIcon />}
    </button>
  );
}

function Caption({ trackRef }) {
  const { participant, source } = trackRef;
  const encrypted = useIsEncrypted(participant);
  const hand = useParticipantAttribute(HAND, { participant });
  if (source === Track.Source.ScreenShare) {
    return (
      <>
        <ScreenShareIcon />
        <bdi>{say('screenOf', { name: nameOf(participant) })}</bdi>
      </>
    );
  }
  return (
    <>
      {encrypted && <LockLockedIcon />}
      <TrackMutedIndicator trackRef={{ participant, source: Track.Source.Microphone }} show="muted" />
      <ParticipantName />
      {hand && <HandRaised label={say('handUp')} />}
    </>
  );
}

/** Of its trackRef, or of that of the layout around it. */
export function Tile({ trackRef: given }) {
  const trackRef = useEnsureTrackRef(given);
  const { elementProps } = useParticipantTile({ trackRef, htmlProps: {} });
  return (
    <div {...elementProps}>
      <TrackRefContext.Provider value={trackRef}>
        <ParticipantContext.Provider value={trackRef.participant}>
          {isTrackReference(trackRef) && <VideoTrack trackRef={trackRef} />}
          <div className="lk-participant-placeholder">
            <ParticipantPlaceholder aria-hidden="true" />
          </div>
          <div className="lk-participant-metadata">
            <div className="lk-participant-metadata-item">
              <Caption trackRef={trackRef} />
            </div>
            <ConnectionQualityIndicator className="lk-participant-metadata-item" />
          </div>
          <Pin trackRef={trackRef} />
        </ParticipantContext.Provider>
      </TrackRefContext.Provider>
    </div>
  );
}
