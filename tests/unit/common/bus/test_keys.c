/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: key files come back as they were written, are never replaced, and anything else in them is
 * refused with the file named. (The sockets are tested in tests/integration/bus.)
 */
#include "common/bus/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

/* The pair in the examples of zmq_curve(7). */
#define KNOWN_PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define KNOWN_SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static char dir[64];

static const char *path_of(const char *file)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    return path;
}

static void write_file(const char *file, const char *text)
{
    FILE *out = fopen(path_of(file), "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    fclose(out);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/bus_keys_XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"a.key", "a.pub", "x.key", "y.pub"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        unlink(path_of(files[i]));
    }
    return rmdir(dir);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct bus_keys keys;
    struct bus_keys loaded;
    char public_key[BUS_KEY_LEN];
    char error[BUS_ERROR_MAX] = "";
    bus_keys_new(&keys);
    assert_int_equal(bus_keys_save(&keys, dir, "a", error), 0);
    struct stat status;
    assert_int_equal(stat(path_of("a.key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(bus_keys_load(&loaded, path_of("a.key"), error), 0);
    assert_memory_equal(&loaded, &keys, sizeof(keys));
    assert_int_equal(bus_public_key_load(public_key, path_of("a.pub"), error), 0);
    assert_string_equal(public_key, keys.public_key);
    /* Neither half is ever replaced. */
    assert_int_equal(bus_keys_save(&keys, dir, "a", error), ERR_EXISTS);
    assert_non_null(strstr(error, "a.key: File exists"));
    unlink(path_of("a.key"));
    assert_int_equal(bus_keys_save(&keys, dir, "a", error), ERR_EXISTS);
    assert_int_equal(access(path_of("a.key"), F_OK), -1);
}

static void test_public_half_is_computed(void **state)
{
    (void)state;
    struct bus_keys keys;
    char error[BUS_ERROR_MAX] = "";
    write_file("x.key", "  " KNOWN_SECRET "\n");
    assert_int_equal(bus_keys_load(&keys, path_of("x.key"), error), ERR_INVALID);
    write_file("x.key", KNOWN_SECRET " \r\n\n");
    assert_int_equal(bus_keys_load(&keys, path_of("x.key"), error), 0);
    assert_string_equal(keys.public_key, KNOWN_PUBLIC);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n",
        "short",
        KNOWN_PUBLIC "x",
        KNOWN_PUBLIC "\n" KNOWN_PUBLIC "\n",
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\"", /* not in the alphabet */
        "#####Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV", /* more than 32 bits in a group */
    };
    char public_key[BUS_KEY_LEN] = "untouched";
    char error[BUS_ERROR_MAX];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        write_file("y.pub", texts[i]);
        error[0] = '\0';
        assert_int_equal(bus_public_key_load(public_key, path_of("y.pub"), error), ERR_INVALID);
        assert_non_null(strstr(error, "y.pub: expected one line of 40 characters of Z85"));
    }
    assert_string_equal(public_key, "untouched");
    assert_int_equal(bus_public_key_load(public_key, path_of("none.pub"), error), ERR_IO);
    assert_non_null(strstr(error, "none.pub: No such file or directory"));
    assert_int_equal(bus_public_key_load(public_key, dir, error), ERR_IO);
}

static void test_names(void **state)
{
    (void)state;
    struct bus_keys keys;
    char error[BUS_ERROR_MAX];
    bus_keys_new(&keys);
    static const char *const bad[] = {"", "a/b", "../a", ".hidden", "a b", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(bus_keys_save(&keys, dir, bad[i], error), ERR_INVALID);
    }
    assert_int_equal(bus_keys_save(&keys, "/nonexistent", "a", error), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_public_half_is_computed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
