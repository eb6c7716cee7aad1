/* SPDX-License-Identifier: Apache-2.0
 *
 * Spans on their way to an OpenTelemetry collector: a queue with a bound, and what is in it as an
 * ExportTraceServiceRequest in OTLP's JSON encoding (OpenTelemetry protocol 1.3, "JSON Protobuf
 * encoding": ids in hexadecimal, 64-bit integers as text).
 *
 * Resources by OpenTelemetry's semantic conventions: this process is a spillway-orchestrator; what
 * happened at a media node is a spillway-node's, of that node's id.
 */
#ifndef ORCHESTRATOR_CORE_OTLP_OTLP_H
#define ORCHESTRATOR_CORE_OTLP_OTLP_H

#include "common/base/base.h"
#include "common/trace/trace.h"

/* ---- Queue --------------------------------------------------------------------------------- */

#define OTLP_QUEUE_MAX 4096 /* spans, 2.6 MB; where it is full the newest is dropped */
#define OTLP_BATCH_MAX 256  /* in one request */

struct otlp_queue;

struct otlp_queue *otlp_queue_new(void);
void otlp_queue_free(struct otlp_queue *queue);
/* False: it is full, and the span is dropped. */
MUST_CHECK bool otlp_queue_add(struct otlp_queue *queue, const struct trace_span *span);
size_t otlp_queue_count(const struct otlp_queue *queue);
/* The oldest is number 0; borrowed until it is removed. */
const struct trace_span *otlp_queue_at(const struct otlp_queue *queue, size_t index);
void otlp_queue_remove(struct otlp_queue *queue, size_t count); /* of the oldest */

/* ---- Encoding ------------------------------------------------------------------------------ */

struct otlp_service {
    const char *instance; /* service.instance.id of this process */
    const char *name;     /* the operator's, host.name is nobody's business */
    const char *region;   /* cloud.region; "" none */
    const char *version;  /* service.version, of nodes too */
};

/* The oldest count of them as text; free it. wall_offset_us: a span's time and this are
 * microseconds since 1970. */
char *otlp_encode(const struct otlp_service *service, const struct otlp_queue *queue, size_t count,
                  int64_t wall_offset_us);

#endif
