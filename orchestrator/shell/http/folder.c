/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: open, stat, and 304 if the client has this version (by the file's time and size),
 * else the whole file. Whoever writes it replaces it (rename), so what was opened stays whole.
 * Reading blocks the loop for as long as a file of some 100 KB in the page cache takes. Failure
 * modes: what cannot be opened or read as a whole, or is no regular file of at most
 * FOLDER_FILE_MAX, is 404.
 */
#include "orchestrator/shell/http/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/shell/http/pages.h"

#define NAME_MAX_LEN 64
#define ETAG_MAX     64 /* characters with quotes and NUL */

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
    return len > 0 && len <= NAME_MAX_LEN && name[len] == '\0' && strchr(".-_", name[0]) == NULL;
}

static int open_file(const char *dir, const char *name, struct stat *status)
{
    char path[4096];
    if (!is_name(name) || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
        return -1;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, status) != 0 || !S_ISREG(status->st_mode) ||
                    (size_t)status->st_size > FOLDER_FILE_MAX)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool read_all(int fd, uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = read(fd, data + at, len - at);
        if (got <= 0) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

void folder_answer(const char *dir, const char *name, const struct http_request *request,
                   struct http_call *call)
{
    struct http_answer answer = {.status = 404};
    struct stat status;
    char etag[ETAG_MAX], headers[1024];
    uint8_t *data = NULL;
    name = name[0] == '\0' ? "index.html" : name;
    int fd = open_file(dir, name, &status);
    if (fd >= 0) {
        size_t len = (size_t)status.st_size;
        snprintf(etag, sizeof(etag), "\"%llx.%lx-%zx\"", (unsigned long long)status.st_mtim.tv_sec,
                 (unsigned long)status.st_mtim.tv_nsec, len);
        snprintf(headers, sizeof(headers), "%sETag: %s\r\nCache-Control: no-cache\r\n",
                 PAGES_SECURITY_HEADERS, etag);
        data = mem_alloc(len + 1);
        if (strstr(request->if_none_match, etag) != NULL) {
            answer = (struct http_answer){.status = 304, .headers = headers};
        } else if (read_all(fd, data, len)) {
            answer = (struct http_answer){.status = 200,
                                          .content_type = pages_content_type(name),
                                          .body = {data, len},
                                          .headers = headers};
        }
        close(fd);
    }
    http_call_answer(call, &answer);
    free(data);
}
