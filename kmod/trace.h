/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: a queue's wake-ups, batches, signals, drops and errors; a worker's life
 *
 * They are made in stats_trace.c, which knows the values that are spelt out here. Where
 * one is off, it costs a jump over it. All but drop happen once a batch or less.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ringtap

/* This header is read more than once. */
#ifndef RTAP_TRACE_ENUMS
#define RTAP_TRACE_ENUMS

/**
 * enum rtap_trace_worker - what happens to a worker
 * @RTAP_TRACE_WORKER_STARTED: its thread, on which this is, runs
 * @RTAP_TRACE_WORKER_STOPPED: its thread has ended
 * @RTAP_TRACE_WORKER_KILLED: its owner was killed: it serves nothing any more
 * @RTAP_TRACE_WORKER_SERVES: it is given a queue
 */
enum rtap_trace_worker {
	RTAP_TRACE_WORKER_STARTED,
	RTAP_TRACE_WORKER_STOPPED,
	RTAP_TRACE_WORKER_KILLED,
	RTAP_TRACE_WORKER_SERVES,
};
#endif

#if !defined(RTAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RTAP_TRACE_H

#include <linux/tracepoint.h>

#define rtap_show_drop(reason) __print_symbolic(reason,				\
	{ RTAP_STAT_DROP_SHORT,			"short" },			\
	{ RTAP_STAT_DROP_LONG,			"long" },			\
	{ RTAP_STAT_DROP_HEADER,		"header" },			\
	{ RTAP_STAT_DROP_NOMEM,			"nomem" },			\
	{ RTAP_STAT_DROP_TAP,			"tap" },			\
	{ RTAP_STAT_DROP_NO_ROOM,		"no_room" },			\
	{ RTAP_STAT_DROP_OFFLOAD,		"offload" },			\
	{ RTAP_STAT_DROP_DETACHED,		"detached" },			\
	{ RTAP_STAT_DROP_TAP_FULL,		"tap_full" })

TRACE_DEFINE_ENUM(RTAP_STAT_DROP_SHORT);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_LONG);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_HEADER);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_NOMEM);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_TAP);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_NO_ROOM);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_OFFLOAD);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_DETACHED);
TRACE_DEFINE_ENUM(RTAP_STAT_DROP_TAP_FULL);

#define rtap_show_ring_error(kind) __print_symbolic(kind,			\
	{ RTAP_RING_OK,				"none" },			\
	{ RTAP_RING_FAULT,			"fault" },			\
	{ RTAP_RING_AVAIL_IDX,			"avail_idx" },			\
	{ RTAP_RING_HEAD,			"head" },			\
	{ RTAP_RING_NEXT,			"next" },			\
	{ RTAP_RING_LOOP,			"loop" },			\
	{ RTAP_RING_TOO_LONG,			"too_long" },			\
	{ RTAP_RING_ORDER,			"order" },			\
	{ RTAP_RING_INDIRECT_LEN,		"indirect_len" },		\
	{ RTAP_RING_INDIRECT_NESTED,		"indirect_nested" },		\
	{ RTAP_RING_INDIRECT_NEXT,		"indirect_next" },		\
	{ RTAP_RING_INDIRECT_ADDR,		"indirect_addr" },		\
	{ RTAP_RING_BUFFER,			"buffer" },			\
	{ RTAP_RING_DIRECTION,			"direction" },			\
	{ RTAP_RING_HEADER,			"header" },			\
	{ RTAP_RING_LOG,			"log" })

TRACE_DEFINE_ENUM(RTAP_RING_OK);
TRACE_DEFINE_ENUM(RTAP_RING_FAULT);
TRACE_DEFINE_ENUM(RTAP_RING_AVAIL_IDX);
TRACE_DEFINE_ENUM(RTAP_RING_HEAD);
TRACE_DEFINE_ENUM(RTAP_RING_NEXT);
TRACE_DEFINE_ENUM(RTAP_RING_LOOP);
TRACE_DEFINE_ENUM(RTAP_RING_TOO_LONG);
TRACE_DEFINE_ENUM(RTAP_RING_ORDER);
TRACE_DEFINE_ENUM(RTAP_RING_INDIRECT_LEN);
TRACE_DEFINE_ENUM(RTAP_RING_INDIRECT_NESTED);
TRACE_DEFINE_ENUM(RTAP_RING_INDIRECT_NEXT);
TRACE_DEFINE_ENUM(RTAP_RING_INDIRECT_ADDR);
TRACE_DEFINE_ENUM(RTAP_RING_BUFFER);
TRACE_DEFINE_ENUM(RTAP_RING_DIRECTION);
TRACE_DEFINE_ENUM(RTAP_RING_HEADER);
TRACE_DEFINE_ENUM(RTAP_RING_LOG);

#define rtap_show_worker(action) __print_symbolic(action,			\
	{ RTAP_TRACE_WORKER_STARTED,		"started" },			\
	{ RTAP_TRACE_WORKER_STOPPED,		"stopped" },			\
	{ RTAP_TRACE_WORKER_KILLED,		"killed" },			\
	{ RTAP_TRACE_WORKER_SERVES,		"serves" })

TRACE_DEFINE_ENUM(RTAP_TRACE_WORKER_STARTED);
TRACE_DEFINE_ENUM(RTAP_TRACE_WORKER_STOPPED);
TRACE_DEFINE_ENUM(RTAP_TRACE_WORKER_KILLED);
TRACE_DEFINE_ENUM(RTAP_TRACE_WORKER_SERVES);

/* The worker comes to a queue that it was woken for @waited ns ago; 0 if that is not known. */
TRACE_EVENT(kick,
	TP_PROTO(u32 dev, u32 queue, u64 waited),
	TP_ARGS(dev, queue, waited),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u64, waited)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->waited = waited;
	),
	TP_printk("dev=%u queue=%u waited=%llu", __entry->dev, __entry->queue, __entry->waited)
);

/* Frames were handed over or delivered together; bytes without the virtio header. */
TRACE_EVENT(batch,
	TP_PROTO(u32 dev, u32 queue, u32 packets, u64 bytes),
	TP_ARGS(dev, queue, packets, bytes),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, packets)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->packets = packets;
		__entry->bytes = bytes;
	),
	TP_printk("dev=%u queue=%u packets=%u bytes=%llu", __entry->dev, __entry->queue,
		  __entry->packets, __entry->bytes)
);

/* Completions were published; sent is 0 if the driver did not want to be signalled. */
TRACE_EVENT(signal,
	TP_PROTO(u32 dev, u32 queue, bool sent),
	TP_ARGS(dev, queue, sent),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(bool, sent)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->sent = sent;
	),
	TP_printk("dev=%u queue=%u sent=%d", __entry->dev, __entry->queue, __entry->sent)
);

/* A frame is dropped; reason is an enum rtap_stat, bytes are without the virtio header. */
TRACE_EVENT(drop,
	TP_PROTO(u32 dev, u32 queue, u32 reason, u64 bytes),
	TP_ARGS(dev, queue, reason, bytes),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, reason)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->reason = reason;
		__entry->bytes = bytes;
	),
	TP_printk("dev=%u queue=%u reason=%s bytes=%llu", __entry->dev, __entry->queue,
		  rtap_show_drop(__entry->reason), __entry->bytes)
);

/* A queue broke; kind is an enum rtap_ring_error, index and desc say where. */
TRACE_EVENT(ring_error,
	TP_PROTO(u32 dev, u32 queue, u32 kind, u32 index, u32 desc),
	TP_ARGS(dev, queue, kind, index, desc),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, kind)
		__field(u32, index)
		__field(u32, desc)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->kind = kind;
		__entry->index = index;
		__entry->desc = desc;
	),
	TP_printk("dev=%u queue=%u kind=%s index=%u desc=%u", __entry->dev, __entry->queue,
		  rtap_show_ring_error(__entry->kind),
		  __entry->index, __entry->desc)
);

/* See enum rtap_trace_worker; tid is 0 if the thread has not run yet, queue -1 for none. */
TRACE_EVENT(worker,
	TP_PROTO(u32 dev, u32 worker, u32 action, pid_t tid, int queue),
	TP_ARGS(dev, worker, action, tid, queue),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, worker)
		__field(u32, action)
		__field(pid_t, tid)
		__field(int, queue)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->worker = worker;
		__entry->action = action;
		__entry->tid = tid;
		__entry->queue = queue;
	),
	TP_printk("dev=%u worker=%u action=%s tid=%d queue=%d", __entry->dev, __entry->worker,
		  rtap_show_worker(__entry->action),
		  __entry->tid, __entry->queue)
);

#endif /* RTAP_TRACE_H */

/* Found by way of -I, see Kbuild: the kernel's headers look for it from where they are. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
