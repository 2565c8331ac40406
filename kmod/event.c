// SPDX-License-Identifier: GPL-2.0-only
/*
 * Passes events to the one who tells them, and counts those that are too many
 */
#include "event.h"

#include <linux/ktime.h>
#include <linux/minmax.h>

#define RTAP_EVENT_INTERVAL (NSEC_PER_SEC / RTAP_EVENT_RATE)

static const struct rtap_event_sink *rtap_event_sink;

/* Of all devices together: who opens and closes in a loop does not hide what others do. */
static struct rtap_event_limit rtap_event_lives = {
	.lock = __SPIN_LOCK_UNLOCKED(rtap_event_lives.lock),
};

/**
 * rtap_event_set_sink() - who tells events from now on
 * @sink: it, or NULL; there is no device while it is changed
 */
void rtap_event_set_sink(const struct rtap_event_sink *sink)
{
	rtap_event_sink = sink;
}

/**
 * rtap_event_source_init() - make a device known to events
 * @source: in zeroed memory
 * @id: number of the device among those open
 */
void rtap_event_source_init(struct rtap_event_source *source, u32 id)
{
	source->id = id;
	spin_lock_init(&source->limit.lock);
}

/*
 * Each event that is sent costs an interval of time; that may lie in the future by as many
 * intervals as a burst has.
 */
static bool rtap_event_pass(struct rtap_event_limit *limit, struct rtap_event *event)
{
	u64 due;
	bool pass;

	spin_lock(&limit->lock);
	event->time = ktime_get_boottime_ns();
	due = max(limit->due, event->time);
	pass = due - event->time <= (RTAP_EVENT_BURST - 1) * RTAP_EVENT_INTERVAL;
	if (pass) {
		limit->due = due + RTAP_EVENT_INTERVAL;
		event->suppressed = limit->suppressed;
		limit->suppressed = 0;
	} else {
		limit->suppressed++;
	}
	spin_unlock(&limit->lock);
	return pass;
}

/**
 * rtap_event_send() - tell that something happened, unless that is told too often
 * @event: what; time and count of suppressed ones are filled in
 *
 * Context: process context; may allocate memory, and waits for nobody.
 */
void rtap_event_send(struct rtap_event *event)
{
	bool life = event->kind == RTAP_EVENT_OPEN || event->kind == RTAP_EVENT_CLOSE;
	const struct rtap_event_sink *sink = rtap_event_sink;

	if (!sink || !sink->wanted(event))
		return;
	if (rtap_event_pass(life ? &rtap_event_lives : &event->source->limit, event))
		sink->send(event);
}
