/* SPDX-License-Identifier: Apache-2.0 */
#include "common/gcm/gcm.h"

#ifndef SPILLWAY_IPSEC_MB
const struct gcm_library *gcm_ipsec_mb(void)
{
    return NULL;
}
#endif

const struct gcm_library *gcm_library(void)
{
    const struct gcm_library *fast = gcm_ipsec_mb();
    return fast != NULL ? fast : &gcm_openssl;
}
