// SPDX-License-Identifier: Apache-2.0
//
// Goal: across a WAN of 80 ms, 5 ms of jitter and 1 % loss each way, with people, nodes and
// orchestrators on both sides and Redis on one, one room is one room: everybody sees and hears
// everybody, reliable data come complete and in order, and only what is watched crosses.
import { testOneRoom } from './lib/spread.mjs';
import { openRegions } from './lib/wan.mjs';

const { stage, at } = await openRegions();
testOneRoom(stage, at);
