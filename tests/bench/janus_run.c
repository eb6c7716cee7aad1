/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/janus_run.h"

#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM     "/usr/bin/janus"
#define START_MS    10000
#define STARTS_MAX  5
#define ANSWER_S    20
#define MESSAGE_MAX 65536
#define PATH_BYTES  100

struct janus_run {
    char dir[64];
    pid_t pid;
    int fd;
    json_int_t session;
    unsigned transaction;
    char message[MESSAGE_MAX];
};

/* ---- The program ----------------------------------------------------------------------------- */

/* ICE lite, as its documentation advises for servers with a public address, and as Spillway is;
 * the session stays though nobody asks for minutes. All else is as its defaults are. */
static const char settings[] = "general: {\n"
                               "  session_timeout = 0\n"
                               "%s"
                               "}\n"
                               "nat: { ice_lite = true }\n"
                               "plugins: { disable = \"libjanus_audiobridge.so,libjanus_duktape.so,"
                               "libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,"
                               "libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,"
                               "libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so\" "
                               "}\n"
                               "transports: { disable = \"libjanus_http.so,libjanus_mqtt.so,"
                               "libjanus_nanomsg.so,libjanus_rabbitmq.so,libjanus_websockets.so\" "
                               "}\n";

static const char *const files[] = {"janus.jcfg", "janus.transport.pfunix.jcfg", "control",
                                    "janus.log"};

static const char *path_of(const struct janus_run *run, const char *name)
{
    static char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%s", run->dir, name);
    return path;
}

static FILE *create(const struct janus_run *run, const char *name)
{
    FILE *file = fopen(path_of(run, name), "w");
    if (file == NULL) {
        bench_fail("%s: can't be written", path_of(run, name));
    }
    return file;
}

static void write_settings(const struct janus_run *run, unsigned event_loops)
{
    char loops[64] = "";
    if (event_loops > 0) {
        snprintf(loops, sizeof(loops), "  event_loops = %u\n", event_loops);
    }
    FILE *file = create(run, "janus.jcfg");
    fprintf(file, settings, loops);
    fclose(file);
    file = create(run, "janus.transport.pfunix.jcfg");
    fprintf(file, "general: { enabled = true, json = \"compact\", path = \"%s\" }\n",
            path_of(run, "control"));
    fclose(file);
}

static void start_program(struct janus_run *run)
{
    char config[PATH_BYTES];
    snprintf(config, sizeof(config), "%s", path_of(run, "janus.jcfg"));
    run->pid = fork();
    if (run->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the bench fail */
        int log = open(path_of(run, "janus.log"), O_WRONLY | O_CREAT, 0600);
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
        execl(PROGRAM, "janus", "-C", config, "-F", run->dir, (char *)NULL);
        _exit(127);
    }
}

bool janus_run_installed(void)
{
    return access(PROGRAM, X_OK) == 0;
}

/* False if the program ended. */
static bool connect_control(struct janus_run *run)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = ANSWER_S};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path_of(run, "control"));
    run->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)setsockopt(run->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (int ms = 0; ms < START_MS; ms++) {
        if (connect(run->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
            return true;
        }
        if (waitpid(run->pid, NULL, WNOHANG) != 0) {
            close(run->fd);
            return false;
        }
        bench_sleep_ms(1);
    }
    bench_fail("%s does not listen: see %s", PROGRAM, path_of(run, "janus.log"));
}

/* ---- Messages -------------------------------------------------------------------------------- */

static json_t *receive(struct janus_run *run, int flags)
{
    ssize_t len = recv(run->fd, run->message, sizeof(run->message), flags);
    if (len <= 0) {
        return NULL;
    }
    json_t *message = json_loadb(run->message, (size_t)len, 0, NULL);
    if (message == NULL) {
        bench_fail("Janus talks nonsense");
    }
    return message;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

static void refuse(const json_t *request, const char *why)
{
    char *asked = json_dumps(request, JSON_COMPACT);
    bench_fail("Janus refuses %.300s: %s", asked, why);
}

/* What a plugin has to say comes behind an acknowledgement. */
static json_t *wait_for(struct janus_run *run, const json_t *request, bool acknowledged)
{
    const char *transaction = text(request, "transaction");
    for (;;) {
        json_t *answer = receive(run, 0);
        if (answer == NULL) {
            refuse(request, "no answer");
        }
        const char *kind = text(answer, "janus");
        bool ours = strcmp(text(answer, "transaction"), transaction) == 0;
        if (ours && strcmp(kind, "error") == 0) {
            refuse(request, text(json_object_get(answer, "error"), "reason"));
        }
        if (ours && (acknowledged || strcmp(kind, "ack") != 0)) {
            return answer;
        }
        json_decref(answer);
    }
}

static json_t *ask(struct janus_run *run, json_t *request, bool acknowledged)
{
    char transaction[16];
    snprintf(transaction, sizeof(transaction), "%u", ++run->transaction);
    json_object_set_new(request, "transaction", json_string(transaction));
    if (run->session != 0) {
        json_object_set_new(request, "session_id", json_integer(run->session));
    }
    char *bytes = json_dumps(request, JSON_COMPACT);
    if (send(run->fd, bytes, strlen(bytes), MSG_NOSIGNAL) != (ssize_t)strlen(bytes)) {
        bench_fail("Janus is gone: %s", strerror(errno));
    }
    free(bytes);
    json_t *answer = wait_for(run, request, acknowledged);
    json_decref(request);
    return answer;
}

static json_int_t id_of(json_t *answer)
{
    json_int_t id = json_integer_value(json_object_get(json_object_get(answer, "data"), "id"));
    json_decref(answer);
    return id;
}

json_int_t janus_run_attach(struct janus_run *run)
{
    json_t *request =
        json_pack("{s:s, s:s}", "janus", "attach", "plugin", "janus.plugin.videoroom");
    return id_of(ask(run, request, false));
}

json_t *janus_run_ask(struct janus_run *run, json_int_t handle, json_t *body, const char *type,
                      const char *sdp)
{
    json_t *request =
        json_pack("{s:s, s:I, s:o}", "janus", "message", "handle_id", handle, "body", body);
    if (type != NULL) {
        json_object_set_new(request, "jsep", json_pack("{s:s, s:s}", "type", type, "sdp", sdp));
    }
    json_t *said = ask(run, request, false);
    const json_t *data = json_object_get(json_object_get(said, "plugindata"), "data");
    if (json_object_get(data, "error") != NULL) {
        bench_fail("Janus's videoroom: %s", text(data, "error"));
    }
    return said;
}

const char *janus_run_sdp(const json_t *said)
{
    return text(json_object_get(said, "jsep"), "sdp");
}

void janus_run_trickle(struct janus_run *run, json_int_t handle, const char *candidate)
{
    json_t *request = json_pack("{s:s, s:I, s:[{s:s, s:s, s:i}, {s:b}]}", "janus", "trickle",
                                "handle_id", handle, "candidates", "candidate", candidate, "sdpMid",
                                "0", "sdpMLineIndex", 0, "completed", 1);
    json_decref(ask(run, request, true));
}

void janus_run_drain(struct janus_run *run)
{
    json_t *message;
    while ((message = receive(run, MSG_DONTWAIT)) != NULL) {
        json_decref(message);
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct janus_run *janus_run_start(unsigned event_loops)
{
    struct janus_run *run = mem_alloc(sizeof(*run));
    snprintf(run->dir, sizeof(run->dir), "%s/spillway-janus-XXXXXX", P_tmpdir);
    if (mkdtemp(run->dir) == NULL) {
        bench_fail("%s: can't be made", run->dir);
    }
    write_settings(run, event_loops);
    /* Its Unix sockets' thread ends at once if it starts before they are marked as ready. */
    for (int tries = 0; tries == 0 || !connect_control(run); tries++) {
        if (tries == STARTS_MAX) {
            bench_fail("%s does not start: see %s", PROGRAM, path_of(run, "janus.log"));
        }
        start_program(run);
    }
    run->session = id_of(ask(run, json_pack("{s:s}", "janus", "create"), false));
    return run;
}

void janus_run_stop(struct janus_run *run)
{
    kill(run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
    close(run->fd);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        unlink(path_of(run, files[i]));
    }
    rmdir(run->dir);
    free(run);
}

pid_t janus_run_pid(const struct janus_run *run)
{
    return run->pid;
}
