/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/store/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMEOUT_NS 20000000000u

uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

pid_t process_start(const char *const *words)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

void process_kill(pid_t *pid)
{
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

void loop_until(uv_loop_t *loop, const uint64_t *value, uint64_t at_least)
{
    uint64_t deadline = uv_hrtime() + TIMEOUT_NS;
    while (*value < at_least) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(1000);
        if (uv_hrtime() > deadline) {
            print_error("nothing happened for too long\n");
            abort(); /* the loop is not empty, so the teardown would wait for ever */
        }
    }
}
