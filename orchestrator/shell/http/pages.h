/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a bundled web page, held in memory. What is not in the table does not exist, so no
 * path a client may write leaves the directory.
 */
#ifndef ORCHESTRATOR_SHELL_HTTP_PAGES_H
#define ORCHESTRATOR_SHELL_HTTP_PAGES_H

#include "common/http/http.h"

#define PAGES_TOTAL_MAX ((size_t)64 << 20) /* bytes of all files */

/* A page of our own origin only: scripts, styles and workers from here, media from the call, and
 * connections to wherever the signalling is. Nothing may frame it. */
#define PAGES_HEADERS_WITH(script_sources)                                                         \
    "Content-Security-Policy: default-src 'self'; script-src 'self'" script_sources "; "           \
    "connect-src 'self' ws: wss:; "                                                                \
    "img-src 'self' data: blob:; media-src 'self' blob: mediastream:; worker-src 'self' blob:; "   \
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"           \
    "Permissions-Policy: camera=(self), microphone=(self), display-capture=(self), "               \
    "geolocation=()\r\n"                                                                           \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "X-Content-Type-Options: nosniff\r\n"
#define PAGES_SECURITY_HEADERS PAGES_HEADERS_WITH("")

/* A worker's policy is that of its own file (CSP 3, 4.2.2), so that those which compile WebAssembly
 * may, and no page: the files below this folder. */
#define PAGES_WASM_FOLDER  "/assets/wasm/"
#define PAGES_WASM_HEADERS PAGES_HEADERS_WITH(" 'wasm-unsafe-eval'")

struct pages;

/* Reads a directory; hidden files and symbolic links are left out. ERR_IO, ERR_TOO_BIG: logged. */
int pages_load(struct pages **out, const char *dir, const struct log_sink *log) MUST_CHECK;
void pages_free(struct pages *pages);

/* Answers with the file at request->path, with the index for "/", "/meet" and "/meet/...", with the
 * index.html of any other folder, or 404. */
void pages_answer(const struct pages *pages, const struct http_request *request,
                  struct http_call *call);

/* By the ending of a file's name. */
const char *pages_content_type(const char *path);

#endif
