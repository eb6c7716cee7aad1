// SPDX-License-Identifier: Apache-2.0
//
// The SDK's end-to-end encryption, which runs in a worker of its own.
import 'livekit-client/e2ee-worker';
