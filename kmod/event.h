/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens to devices, told upwards: at a limited rate, and to whom it may concern
 */
#ifndef RTAP_EVENT_H
#define RTAP_EVENT_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "ring.h"

struct rtap_iface;

/** RTAP_EVENT_BURST - events that may be sent in a row */
#define RTAP_EVENT_BURST 32
/** RTAP_EVENT_RATE - events a second that may be sent from then on */
#define RTAP_EVENT_RATE 8

/**
 * enum rtap_event_kind - what happened
 * @RTAP_EVENT_OPEN: a device was opened
 * @RTAP_EVENT_CLOSE: a device was closed
 * @RTAP_EVENT_ATTACH: a queue was given a backend
 * @RTAP_EVENT_DETACH: a queue lost its backend
 * @RTAP_EVENT_RING_ERROR: a queue broke
 * @RTAP_EVENT_TAP_GONE: the interface of a queue was deleted
 */
enum rtap_event_kind {
	RTAP_EVENT_OPEN,
	RTAP_EVENT_CLOSE,
	RTAP_EVENT_ATTACH,
	RTAP_EVENT_DETACH,
	RTAP_EVENT_RING_ERROR,
	RTAP_EVENT_TAP_GONE,
};

/**
 * struct rtap_event_limit - how much of what happens is told
 */
struct rtap_event_limit {
	/** @lock: guards the rest; nothing is taken under it */
	spinlock_t lock;
	/** @due: when what was sent is paid for, in nanoseconds of CLOCK_BOOTTIME */
	u64 due;
	/** @suppressed: events left out since the last one that was sent */
	u64 suppressed;
};

/**
 * struct rtap_event_source - a device, as events speak of it
 */
struct rtap_event_source {
	/** @id: number of the device among those open; constant */
	u32 id;
	/** @serial: number of the device since the module was loaded; constant */
	u64 serial;
	/** @limit: of all its events but open and close */
	struct rtap_event_limit limit;
};

/**
 * struct rtap_event - something that happened
 */
struct rtap_event {
	/** @kind: what */
	enum rtap_event_kind kind;
	/** @source: to which device */
	struct rtap_event_source *source;
	/** @queue: index of the queue; of all kinds but open and close */
	u32 queue;
	/** @iface: what the queue is or was attached to; NULL with RING_ERROR: what it is */
	const struct rtap_iface *iface;
	/** @fault: with RING_ERROR, what is wrong */
	struct rtap_ring_fault fault;
	/** @time: when, in nanoseconds of CLOCK_BOOTTIME; set by rtap_event_send() */
	u64 time;
	/** @suppressed: how many were left out before it; set by rtap_event_send() */
	u64 suppressed;
};

/**
 * struct rtap_event_sink - who tells the world; process context, under locks of devices
 */
struct rtap_event_sink {
	/** @wanted: whether anybody listens; what nobody wants counts for no limit */
	bool (*wanted)(const struct rtap_event *event);
	/** @send: tell it */
	void (*send)(const struct rtap_event *event);
};

void rtap_event_set_sink(const struct rtap_event_sink *sink);
void rtap_event_source_init(struct rtap_event_source *source, u32 id);
void rtap_event_send(struct rtap_event *event);

#endif /* RTAP_EVENT_H */
