// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translations that the VMM has told, in a tree of bounded size, and questions to it
 */
#include "iotlb.h"

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>

static_assert(RTAP_IOTLB_ENTRIES % RTAP_IOTLB_CHARGE == 0, "charged in whole");

/**
 * rtap_iotlb_init() - a device without an IOTLB
 * @iotlb: zeroed memory
 */
void rtap_iotlb_init(struct rtap_iotlb *iotlb)
{
	spin_lock_init(&iotlb->lock);
	init_waitqueue_head(&iotlb->wait);
}

/* Exchange the tree for another one, or for none: what was told or asked is forgotten. */
static void rtap_iotlb_replace(struct rtap_iotlb *iotlb, struct vhost_iotlb *tree)
{
	struct vhost_iotlb *old;
	u32 i;

	spin_lock(&iotlb->lock);
	old = iotlb->tree;
	WRITE_ONCE(iotlb->tree, tree);
	memset(iotlb->asks, 0, sizeof(iotlb->asks));
	spin_unlock(&iotlb->lock);
	vhost_iotlb_free(old);
	for (i = 0; i < ARRAY_SIZE(iotlb->charges); i++) {
		kvfree(iotlb->charges[i]);
		iotlb->charges[i] = NULL;
	}
}

/**
 * rtap_iotlb_start() - begin with an empty IOTLB
 * @iotlb: that of the device, whose lock is held; there may be one already
 *
 * Return: 0, or -ENOMEM, in which case nothing has changed.
 */
int rtap_iotlb_start(struct rtap_iotlb *iotlb)
{
	struct vhost_iotlb *tree;

	tree = vhost_iotlb_alloc(RTAP_IOTLB_ENTRIES, VHOST_IOTLB_FLAG_RETIRE);
	if (!tree)
		return -ENOMEM;
	rtap_iotlb_replace(iotlb, tree);
	return 0;
}

/**
 * rtap_iotlb_stop() - have no IOTLB any more
 * @iotlb: that of the device, whose lock is held, or which nobody else can reach
 *
 * Who waits for a question is woken.
 */
void rtap_iotlb_stop(struct rtap_iotlb *iotlb)
{
	if (!iotlb->tree)
		return;
	rtap_iotlb_replace(iotlb, NULL);
	wake_up_interruptible_poll(&iotlb->wait, EPOLLIN | EPOLLRDNORM);
}

/* Have the owner's cgroup pay for as many entries as there will be. */
static int rtap_iotlb_pay(struct rtap_iotlb *iotlb)
{
	/* the whole address space takes two */
	u32 last = min_t(u32, iotlb->tree->nmaps + 1, RTAP_IOTLB_ENTRIES - 1) / RTAP_IOTLB_CHARGE;
	u32 i;

	for (i = 0; i <= last; i++) {
		if (iotlb->charges[i])
			continue;
		iotlb->charges[i] = kvmalloc_array(RTAP_IOTLB_CHARGE,
						   sizeof(struct vhost_iotlb_map),
						   GFP_KERNEL_ACCOUNT);
		if (!iotlb->charges[i])
			return -ENOMEM;
	}
	return 0;
}

/* Which askers a range answers; they may ask again. */
static u32 rtap_iotlb_answer(struct rtap_iotlb *iotlb, u64 first, u64 last)
{
	u32 answered = 0, i;

	for (i = 0; i < RTAP_IOTLB_ASKERS; i++) {
		struct rtap_iotlb_ask *ask = &iotlb->asks[i];

		if (ask->state == RTAP_IOTLB_NONE || ask->miss.iova < first ||
		    ask->miss.iova > last)
			continue;
		ask->state = RTAP_IOTLB_NONE;
		answered |= BIT(i);
	}
	return answered;
}

/**
 * rtap_iotlb_add() - take a translation from the VMM
 * @iotlb: that of the device, whose lock is held
 * @iova: first I/O virtual address
 * @size: bytes, not 0
 * @uaddr: user address of the first byte; the caller has checked that it is one
 * @perm: bits of VHOST_MAP_RW
 * @answered: set to those who have asked for it, a bit each: the caller wakes them
 *
 * Return: 0, -EFAULT if there is no IOTLB or the range wraps around, or -ENOMEM.
 */
int rtap_iotlb_add(struct rtap_iotlb *iotlb, u64 iova, u64 size, u64 uaddr, u8 perm,
		   u32 *answered)
{
	u64 last = iova + size - 1;
	int err;

	*answered = 0;
	if (!iotlb->tree || last < iova)
		return -EFAULT;
	err = rtap_iotlb_pay(iotlb);
	if (err)
		return err;
	spin_lock(&iotlb->lock);
	err = vhost_iotlb_add_range(iotlb->tree, iova, last, uaddr, perm);
	if (!err)
		*answered = rtap_iotlb_answer(iotlb, iova, last);
	spin_unlock(&iotlb->lock);
	return err;
}

/**
 * rtap_iotlb_remove() - forget translations
 * @iotlb: that of the device, whose lock is held
 * @first: first I/O virtual address
 * @last: last one
 *
 * Every entry that has one of them goes as a whole.
 */
void rtap_iotlb_remove(struct rtap_iotlb *iotlb, u64 first, u64 last)
{
	spin_lock(&iotlb->lock);
	if (iotlb->tree)
		vhost_iotlb_del_range(iotlb->tree, first, last);
	spin_unlock(&iotlb->lock);
}

/**
 * rtap_iotlb_find() - look up a translation
 * @iotlb: that of the device
 * @iova: I/O virtual address
 * @entry: set to a copy of what is known of it
 *
 * Return: false if the VMM has not told, or there is no IOTLB.
 */
bool rtap_iotlb_find(struct rtap_iotlb *iotlb, u64 iova, struct vhost_iotlb_map *entry)
{
	struct vhost_iotlb_map *found = NULL;

	spin_lock(&iotlb->lock);
	if (iotlb->tree)
		found = vhost_iotlb_itree_first(iotlb->tree, iova, iova);
	if (found)
		*entry = *found;
	spin_unlock(&iotlb->lock);
	return found;
}

/* An answer may have failed, for want of memory: whoever has cause to, asks again some day. */
static bool rtap_iotlb_is_news(const struct rtap_iotlb_ask *ask, const struct rtap_iotlb_miss *miss)
{
	if (ask->state == RTAP_IOTLB_NONE || ask->miss.iova != miss->iova ||
	    ask->miss.perm != miss->perm)
		return true;
	return ask->state == RTAP_IOTLB_READ &&
	       time_after(jiffies, ask->read + RTAP_IOTLB_PATIENCE);
}

/**
 * rtap_iotlb_ask() - ask the VMM for a translation
 * @iotlb: that of the device
 * @asker: who asks; woken by whoever adds it
 * @miss: what is missing
 *
 * Everybody has one question at a time: a new one takes the place of the old one. One
 * that the VMM has read a moment ago is not asked again.
 *
 * Return: false if the translation is there by now: look again instead.
 */
bool rtap_iotlb_ask(struct rtap_iotlb *iotlb, u32 asker, const struct rtap_iotlb_miss *miss)
{
	struct rtap_iotlb_ask *ask = &iotlb->asks[asker];
	bool there, asked = false;

	spin_lock(&iotlb->lock);
	there = iotlb->tree && vhost_iotlb_itree_first(iotlb->tree, miss->iova, miss->iova);
	if (there || !iotlb->tree) {
		ask->state = RTAP_IOTLB_NONE;
	} else if (rtap_iotlb_is_news(ask, miss)) {
		*ask = (struct rtap_iotlb_ask){ .miss = *miss, .state = RTAP_IOTLB_UNREAD };
		asked = true;
	}
	spin_unlock(&iotlb->lock);
	if (asked)
		wake_up_interruptible_poll(&iotlb->wait, EPOLLIN | EPOLLRDNORM);
	return !there;
}

/**
 * rtap_iotlb_forget() - take a question back
 * @iotlb: that of the device
 * @asker: who asked
 */
void rtap_iotlb_forget(struct rtap_iotlb *iotlb, u32 asker)
{
	spin_lock(&iotlb->lock);
	iotlb->asks[asker].state = RTAP_IOTLB_NONE;
	spin_unlock(&iotlb->lock);
}

/**
 * rtap_iotlb_next() - read a question that was not read yet
 * @iotlb: that of the device
 * @miss: set to what is asked for
 *
 * Return: who asks, or -EAGAIN.
 */
int rtap_iotlb_next(struct rtap_iotlb *iotlb, struct rtap_iotlb_miss *miss)
{
	int asker = -EAGAIN, i;

	spin_lock(&iotlb->lock);
	for (i = 0; i < RTAP_IOTLB_ASKERS && asker < 0; i++) {
		if (iotlb->asks[i].state != RTAP_IOTLB_UNREAD)
			continue;
		iotlb->asks[i].state = RTAP_IOTLB_READ;
		iotlb->asks[i].read = jiffies;
		*miss = iotlb->asks[i].miss;
		asker = i;
	}
	spin_unlock(&iotlb->lock);
	return asker;
}

/**
 * rtap_iotlb_unread() - a question could not be told after all
 * @iotlb: that of the device
 * @asker: whose question, as rtap_iotlb_next() said
 */
void rtap_iotlb_unread(struct rtap_iotlb *iotlb, u32 asker)
{
	spin_lock(&iotlb->lock);
	if (iotlb->asks[asker].state == RTAP_IOTLB_READ)
		iotlb->asks[asker].state = RTAP_IOTLB_UNREAD;
	spin_unlock(&iotlb->lock);
	/* others may have looked meanwhile */
	wake_up_interruptible_poll(&iotlb->wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * rtap_iotlb_has_unread() - whether there is a question to be read
 * @iotlb: that of the device
 *
 * Return: true if so, as of a moment ago.
 */
bool rtap_iotlb_has_unread(struct rtap_iotlb *iotlb)
{
	bool unread = false;
	u32 i;

	spin_lock(&iotlb->lock);
	for (i = 0; i < RTAP_IOTLB_ASKERS; i++)
		unread |= iotlb->asks[i].state == RTAP_IOTLB_UNREAD;
	spin_unlock(&iotlb->lock);
	return unread;
}
