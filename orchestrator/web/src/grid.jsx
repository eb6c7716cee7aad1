// SPDX-License-Identifier: Apache-2.0
//
// All tiles alike, in pages if there are too many for one. Whoever speaks comes to the first page.
import { TrackLoop, usePagination, useSwipe } from '@livekit/components-react';
import { useLayoutEffect, useRef, useState } from 'react';
import { GAP, gridFor } from './grid.js';
import { say } from './words/words.js';

function useSize(element) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const measure = () => setSize({ width: element.current.clientWidth, height: element.current.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element.current);
    measure();
    return () => observer.disconnect();
  }, [element]);
  return size;
}

function Turn({ name, sign, ...props }) {
  return (
    <button className="lk-button" type="button" aria-label={say(name)} {...props}>
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}

function Pages({ currentPage, totalPageCount, prevPage, nextPage }) {
  return (
    <div className="pages">
      <Turn name="previousPage" sign="‹" disabled={currentPage === 1} onClick={prevPage} />
      <span>{say('page', { page: currentPage, pages: totalPageCount })}</span>
      <Turn name="nextPage" sign="›" disabled={currentPage === totalPageCount} onClick={nextPage} />
    </div>
  );
}

export function Grid({ tracks, children }) {
  const room = useRef(null);
  const { perPage, columns, width, height } = gridFor(Math.max(tracks.length, 1), useSize(room));
  const pagination = usePagination(perPage, tracks);
  useSwipe(room, { onLeftSwipe: pagination.nextPage, onRightSwipe: pagination.prevPage });
  const style = {
    gap: GAP,
    width: columns * (width + GAP) - GAP, // where another one would have a place, none is put
    '--tile-width': `${width}px`,
    '--tile-height': `${height}px`,
  };
  return (
    <div className="grid-and-pages">
      <div ref={room} className="grid-room">
        <div className="grid" style={style}>
          <TrackLoop tracks={pagination.tracks}>{children}</TrackLoop>
        </div>
      </div>
      {pagination.totalPageCount > 1 && <Pages {...pagination} />}
    </div>
  );
}
