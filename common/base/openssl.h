/* SPDX-License-Identifier: Apache-2.0
 *
 * Include this before any header of OpenSSL, which calls a type of its own ERR_STATE: under another
 * name it leaves ours (base.h) alone.
 */
#ifndef COMMON_BASE_OPENSSL_H
#define COMMON_BASE_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#undef ERR_STATE

#endif
