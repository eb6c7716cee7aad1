/* SPDX-License-Identifier: Apache-2.0
 *
 * Of every target that decrypts: what libsrtp2 wants once in a process.
 */
#include "media-node/core/srtp/srtp.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    rtpsec_library_init();
    return 0;
}
