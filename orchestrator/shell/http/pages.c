/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: at the start every file is read, sorted by its path; a request finds its file by
 * binary search and gets it, gzipped if x.gz lay beside it and the client takes gzip, or 304 if it
 * has it. Files under /assets/ have their hash in their name and are cached for ever; all others
 * are asked for again each time (ETag). Failure modes: a directory that cannot be read or is too
 * large stops the start.
 */
#include "orchestrator/shell/http/pages.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>

#define ETAG_MAX       32  /* characters with quotes and NUL */
#define INDEX_PATH_MAX 256 /* of a folder's page, NUL included */

struct page {
    char *path; /* "/index.html" */
    struct bytes content;
    struct bytes gzip;   /* empty: none */
    char etag[ETAG_MAX]; /* of the content; the gzipped form's ends in -gz */
    const char *content_type;
};

struct pages {
    struct page *list; /* sorted by path */
    size_t count;
    size_t total; /* bytes */
};

const char *pages_content_type(const char *path)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending != NULL && i < ARRAY_LEN(types); i++) {
        if (strcmp(ending, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

/* FNV-1a: an ETag has to tell versions of our own files apart, nothing more. */
static uint64_t hash_of(struct bytes content)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < content.len; i++) {
        hash = (hash ^ content.data[i]) * 0x100000001b3u;
    }
    return hash;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct page *)a)->path, ((const struct page *)b)->path);
}

static struct page *find(const struct pages *pages, const char *path)
{
    struct page key = {.path = (char *)path};
    return bsearch(&key, pages->list, pages->count, sizeof(key), by_path);
}

/* ---- Loading --------------------------------------------------------------------------------- */
static int read_file(const char *path, size_t len, struct bytes *out)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return ERR_IO;
    }
    uint8_t *data = mem_alloc(len + 1);
    size_t got = fread(data, 1, len, file);
    fclose(file);
    if (got != len) {
        free(data);
        return ERR_IO;
    }
    *out = (struct bytes){data, len};
    return 0;
}

static int add_file(struct pages *pages, const FTSENT *entry, size_t dir_len)
{
    struct page page = {0};
    size_t len = (size_t)entry->fts_statp->st_size;
    if (len > PAGES_TOTAL_MAX - pages->total) {
        return ERR_TOO_BIG;
    }
    int err = read_file(entry->fts_accpath, len, &page.content);
    if (err != 0) {
        return err;
    }
    page.path = mem_str(entry->fts_path + dir_len);
    page.content_type = pages_content_type(page.path);
    snprintf(page.etag, sizeof(page.etag), "\"%016llx", (unsigned long long)hash_of(page.content));
    pages->list = mem_grow(pages->list, pages->count + 1, sizeof(page));
    pages->list[pages->count++] = page;
    pages->total += len;
    return 0;
}

static int add_tree(struct pages *pages, FTS *tree, size_t dir_len)
{
    for (;;) {
        errno = 0;
        FTSENT *entry = fts_read(tree);
        if (entry == NULL) {
            return errno == 0 ? 0 : ERR_IO;
        }
        bool hidden = entry->fts_level > FTS_ROOTLEVEL && entry->fts_name[0] == '.';
        int err = 0;
        if (entry->fts_info == FTS_D && hidden) {
            fts_set(tree, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_F && !hidden) {
            err = add_file(pages, entry, dir_len);
        } else if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR ||
                   entry->fts_info == FTS_NS) {
            errno = entry->fts_errno;
            err = ERR_IO;
        }
        if (err != 0) {
            return err;
        }
    }
}

/* Each x.gz whose x is there becomes its gzipped form. */
static void pair_gzip(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++) {
        const char *path = pages->list[i].path;
        size_t len = strlen(path);
        if (len <= 3 || strcmp(path + len - 3, ".gz") != 0) {
            continue;
        }
        char *plain = mem_copy(path, len - 3);
        struct page *of = find(pages, plain);
        if (of != NULL) {
            of->gzip = pages->list[i].content;
        }
        free(plain);
    }
}

int pages_load(struct pages **out, const char *dir, const struct log_sink *log)
{
    struct pages *pages = mem_alloc(sizeof(*pages));
    pages->list = mem_grow(NULL, 1, sizeof(*pages->list)); /* qsort and bsearch want one */
    char *root = mem_str(dir);
    size_t len = strlen(root);
    while (len > 1 && root[len - 1] == '/') {
        root[--len] = '\0';
    }
    char *const roots[] = {root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int err = tree == NULL ? ERR_IO : add_tree(pages, tree, len);
    if (err != 0) {
        log_write(log, LOG_ERROR, "pages_failed dir=\"%s\" error=\"%s\"", root,
                  err == ERR_IO ? strerror(errno) : err_text(err));
        pages_free(pages);
    } else {
        qsort(pages->list, pages->count, sizeof(*pages->list), by_path);
        pair_gzip(pages);
        log_write(log, LOG_INFO, "pages_loaded dir=\"%s\" files=%zu bytes=%zu", root, pages->count,
                  pages->total);
        *out = pages;
    }
    if (tree != NULL) {
        fts_close(tree);
    }
    free(root);
    return err;
}

void pages_free(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++) {
        free(pages->list[i].path);
        free((void *)pages->list[i].content.data);
    }
    free(pages->list);
    free(pages);
}

/* ---- Answering ------------------------------------------------------------------------------- */
static bool takes_gzip(const char *accept_encoding)
{
    const char *at = strstr(accept_encoding, "gzip");
    return at != NULL && strncmp(at + 4, ";q=0", 4) != 0;
}

static bool has_it(const char *if_none_match, const char *etag)
{
    return strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag) != NULL;
}

/* A folder is its index.html, with or without a slash at its end. */
static const struct page *find_index(const struct pages *pages, const char *path)
{
    char index[INDEX_PATH_MAX];
    size_t len = strlen(path);
    int wanted = snprintf(index, sizeof(index), "%s%sindex.html", path,
                          len > 0 && path[len - 1] == '/' ? "" : "/");
    return wanted < (int)sizeof(index) ? find(pages, index) : NULL;
}

void pages_answer(const struct pages *pages, const struct http_request *request,
                  struct http_call *call)
{
    const char *path = request->path;
    if (strcmp(path, "/") == 0 || strcmp(path, "/meet") == 0 || strncmp(path, "/meet/", 6) == 0) {
        path = "/index.html";
    }
    const struct page *page = find(pages, path);
    if (page == NULL) {
        page = find_index(pages, path);
    }
    if (page == NULL) {
        http_call_answer(call, &(struct http_answer){.status = 404});
        return;
    }
    bool gzip = page->gzip.len > 0 && takes_gzip(request->accept_encoding);
    bool for_ever = strncmp(page->path, "/assets/", 8) == 0;
    bool wasm = strncmp(page->path, PAGES_WASM_FOLDER, strlen(PAGES_WASM_FOLDER)) == 0;
    char etag[ETAG_MAX];
    char headers[1024];
    snprintf(etag, sizeof(etag), "%.20s%s\"", page->etag, gzip ? "-gz" : "");
    snprintf(headers, sizeof(headers), "%sETag: %s\r\nCache-Control: %s\r\n%s%s",
             wasm ? PAGES_WASM_HEADERS : PAGES_SECURITY_HEADERS, etag,
             for_ever ? "public, max-age=31536000, immutable" : "no-cache",
             page->gzip.len > 0 ? "Vary: Accept-Encoding\r\n" : "",
             gzip ? "Content-Encoding: gzip\r\n" : "");
    http_call_answer(call, &(struct http_answer){
                               .status = has_it(request->if_none_match, etag) ? 304 : 200,
                               .content_type = page->content_type,
                               .body = gzip ? page->gzip : page->content,
                               .body_lasts = true,
                               .headers = headers,
                           });
}
