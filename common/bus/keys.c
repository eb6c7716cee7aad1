/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bus/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool keys_name_valid(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return len > 0 && len < BUS_NAME_MAX && name[len] == '\0' && name[0] != '.';
}

bool bus_key_valid(const char *text)
{
    uint8_t key[KEY_BYTES];
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   ".-:+=^!/*?&<>()[]{}@%$#";
    /* The decoder checks overflow of each group only, so characters are checked here. */
    return strlen(text) == BUS_KEY_LEN - 1 && strspn(text, alphabet) == BUS_KEY_LEN - 1 &&
           zmq_z85_decode(key, text) != NULL;
}

void bus_keys_new(struct bus_keys *out)
{
    int rc = zmq_curve_keypair(out->public_key, out->secret_key);
    assert(rc == 0); /* fails only where ZeroMQ has no CURVE, which bus_new() refuses */
}

static int fail(char error[BUS_ERROR_MAX], int err, const char *path, const char *why)
{
    snprintf(error, BUS_ERROR_MAX, "%.150s: %s", path, why);
    return err;
}

/* Creates a file that was not there before, with one line in it. */
static int write_new(const char *path, const char *line, mode_t mode, char error[BUS_ERROR_MAX])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail(error, errno == EEXIST ? ERR_EXISTS : ERR_IO, path, strerror(errno));
    }
    char text[BUS_KEY_LEN + 1];
    int len = snprintf(text, sizeof(text), "%s\n", line);
    int err = 0;
    if (write(fd, text, (size_t)len) != len) {
        err = fail(error, ERR_IO, path, strerror(errno));
    }
    if (close(fd) != 0 && err == 0) {
        err = fail(error, ERR_IO, path, strerror(errno));
    }
    if (err != 0) {
        unlink(path);
    }
    return err;
}

int bus_keys_save(const struct bus_keys *keys, const char *dir, const char *name,
                  char error[BUS_ERROR_MAX])
{
    char secret[BUS_PATH_MAX];
    char public[BUS_PATH_MAX];
    if (!keys_name_valid(name)) {
        return fail(error, ERR_INVALID, name, "a key's name is made of letters, digits, '.-_'");
    }
    if (snprintf(secret, sizeof(secret), "%s/%s.key", dir, name) >= (int)sizeof(secret) ||
        snprintf(public, sizeof(public), "%s/%s.pub", dir, name) >= (int)sizeof(public)) {
        return fail(error, ERR_INVALID, dir, "path too long");
    }
    int err = write_new(secret, keys->secret_key, 0600, error);
    if (err != 0) {
        return err;
    }
    err = write_new(public, keys->public_key, 0644, error);
    if (err != 0) {
        unlink(secret);
    }
    return err;
}

/* Reads a key and nothing else but white space around it. */
static int read_key(char out[BUS_KEY_LEN], const char *path, char error[BUS_ERROR_MAX])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fail(error, ERR_IO, path, strerror(errno));
    }
    char text[128];
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    bool failed = ferror(file) != 0;
    int saved = errno;
    fclose(file);
    if (failed) {
        return fail(error, ERR_IO, path, strerror(saved));
    }
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    text[len] = '\0';
    if (!bus_key_valid(text)) {
        return fail(error, ERR_INVALID, path, "expected one line of 40 characters of Z85");
    }
    memcpy(out, text, BUS_KEY_LEN);
    return 0;
}

int bus_keys_load(struct bus_keys *out, const char *secret_path, char error[BUS_ERROR_MAX])
{
    struct bus_keys keys;
    int err = read_key(keys.secret_key, secret_path, error);
    if (err != 0) {
        return err;
    }
    if (zmq_curve_public(keys.public_key, keys.secret_key) != 0) {
        return fail(error, ERR_INVALID, secret_path, "no CURVE key");
    }
    *out = keys;
    return 0;
}

int bus_public_key_load(char out[BUS_KEY_LEN], const char *path, char error[BUS_ERROR_MAX])
{
    return read_key(out, path, error);
}
