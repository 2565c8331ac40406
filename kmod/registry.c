// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the list of open devices, in the order in which they were opened
 */
#include "registry.h"

#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>

#include "event.h"
#include "net.h"

/* Guards all that follows; a device on the list stays while it is held. */
static DEFINE_MUTEX(rtap_registry_mutex);
static LIST_HEAD(rtap_registry_devices);
static u64 rtap_registry_serial;
static unsigned int rtap_registry_changes;

/**
 * rtap_registry_add() - have a device seen
 * @net: the device; stays until rtap_registry_remove()
 * @node: name of the node it was opened through; constant
 *
 * Context: process context; sleeps while a reader fills a message.
 */
void rtap_registry_add(struct rtap_net *net, const char *node)
{
	struct rtap_dev *dev = &net->dev;
	struct rtap_event event = { .kind = RTAP_EVENT_OPEN, .source = &dev->events };

	dev->node = node;
	mutex_lock(&rtap_registry_mutex);
	dev->events.serial = ++rtap_registry_serial;
	list_add_tail(&dev->list, &rtap_registry_devices);
	rtap_registry_changes++;
	mutex_unlock(&rtap_registry_mutex);
	rtap_event_send(&event);
}

/**
 * rtap_registry_remove() - have a device seen no more
 * @net: the device; no reader looks at it once this has returned
 *
 * Context: as rtap_registry_add().
 */
void rtap_registry_remove(struct rtap_net *net)
{
	mutex_lock(&rtap_registry_mutex);
	list_del(&net->dev.list);
	rtap_registry_changes++;
	mutex_unlock(&rtap_registry_mutex);
}

/**
 * rtap_registry_lock() - have all devices stay
 *
 * For no longer than it takes to fill a message: whoever opens or closes waits.
 */
void rtap_registry_lock(void)
{
	mutex_lock(&rtap_registry_mutex);
}

/**
 * rtap_registry_unlock() - let them go
 */
void rtap_registry_unlock(void)
{
	mutex_unlock(&rtap_registry_mutex);
}

/**
 * rtap_registry_generation() - a number that is another once others see other devices
 *
 * Return: the number, which is not 0; the registry is locked.
 */
unsigned int rtap_registry_generation(void)
{
	lockdep_assert_held(&rtap_registry_mutex);
	/* 0 would say that nothing is known of changes */
	return (rtap_registry_changes + rtap_iface_generation()) ?: 1;
}

/**
 * rtap_registry_find() - look up a device
 * @id: its number
 *
 * Return: the device, which stays while the registry is locked, or NULL.
 */
struct rtap_net *rtap_registry_find(u32 id)
{
	struct rtap_net *net;

	lockdep_assert_held(&rtap_registry_mutex);
	list_for_each_entry(net, &rtap_registry_devices, dev.list)
		if (net->dev.id == id)
			return net;
	return NULL;
}

/**
 * rtap_registry_first() - where to go on with a walk
 * @serial: serial of the device that was to be next, if it is still there
 *
 * Return: the device, the first one that is younger, or NULL; stays while the
 * registry is locked.
 */
struct rtap_net *rtap_registry_first(u64 serial)
{
	struct rtap_net *net;

	lockdep_assert_held(&rtap_registry_mutex);
	list_for_each_entry(net, &rtap_registry_devices, dev.list)
		if (net->dev.events.serial >= serial)
			return net;
	return NULL;
}

/**
 * rtap_registry_next() - the device opened after another
 * @net: the other one; the registry has been locked since it was looked up
 *
 * Return: the device or NULL; stays while the registry is locked.
 */
struct rtap_net *rtap_registry_next(struct rtap_net *net)
{
	lockdep_assert_held(&rtap_registry_mutex);
	if (list_is_last(&net->dev.list, &rtap_registry_devices))
		return NULL;
	return list_next_entry(net, dev.list);
}
