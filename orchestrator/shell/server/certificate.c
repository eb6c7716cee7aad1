/* SPDX-License-Identifier: Apache-2.0
 *
 * When the certificate that clients are shown ends. It is read once, as the HTTP server reads it: a
 * new file counts after a restart, and so the time told is that of what is in use.
 * Failure modes: a file that cannot be read does not come here, the server does not start with one.
 */
#include "common/base/openssl.h"
#include "orchestrator/shell/server/internal.h"

#include <stdio.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

static int64_t ends_s(const X509 *certificate)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1) {
        return 0;
    }
    return (int64_t)timegm(&tm);
}

int64_t certificate_ends_s(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
    int64_t at_s = certificate == NULL ? 0 : ends_s(certificate);
    X509_free(certificate);
    if (file != NULL) {
        fclose(file);
    }
    return at_s;
}
