/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/orchestrator/token/forge.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

void forge_dot(char *out)
{
    memcpy(out + strlen(out), ".", 2);
}

void forge_base64url(char *out, const void *bytes, size_t len)
{
    char *end = out + strlen(out);
    int written = EVP_EncodeBlock((unsigned char *)end, bytes, (int)len);
    end[written] = '\0';
    for (char *p = end; *p != '\0'; p++) {
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
        if (*p == '=') {
            *p = '\0';
            break;
        }
    }
}

const char *forge_token(char out[FORGE_MAX], const char *header, const char *claims,
                        const char *secret)
{
    out[0] = '\0';
    forge_base64url(out, header, strlen(header));
    forge_dot(out);
    forge_base64url(out, claims, strlen(claims));
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)out, strlen(out), mac,
         &mac_len);
    forge_dot(out);
    forge_base64url(out, mac, mac_len);
    return out;
}
