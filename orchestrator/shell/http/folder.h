/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder whose files another program replaces meanwhile: each is read when it is asked for.
 */
#ifndef ORCHESTRATOR_SHELL_HTTP_FOLDER_H
#define ORCHESTRATOR_SHELL_HTTP_FOLDER_H

#include "common/http/http.h"

#define FOLDER_FILE_MAX ((size_t)8 << 20) /* bytes */

/* Answers with the file of this name in dir, index.html for "", or 404. A name is up to 64 of a-z,
 * 0-9, '.', '-' and '_' and begins with none of the last three, so none leaves the folder; symbolic
 * links are not followed. */
void folder_answer(const char *dir, const char *name, const struct http_request *request,
                   struct http_call *call);

#endif
