/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device IOTLB: what the VMM has translated, and what it is asked for
 *
 * With VIRTIO_F_ACCESS_PLATFORM the guest's addresses are I/O virtual addresses
 * (IOVAs). The VMM's IOMMU knows what they mean; we keep what it has told, and ask
 * for what is missing. Nobody ever waits for an answer: who misses a translation
 * leaves a question and is woken when it has been answered.
 */
#ifndef RTAP_IOTLB_H
#define RTAP_IOTLB_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vhost_iotlb.h>
#include <linux/wait.h>

/** RTAP_IOTLB_ENTRIES - translations kept; the oldest goes when there is one more */
#define RTAP_IOTLB_ENTRIES 2048
/** RTAP_IOTLB_CHARGE - translations that the owner's cgroup is charged for at a time */
#define RTAP_IOTLB_CHARGE 256
/** RTAP_IOTLB_PATIENCE - in jiffies, how long an answer may take before the question is repeated */
#define RTAP_IOTLB_PATIENCE HZ
/** RTAP_IOTLB_ASKERS - who may ask: the queues of a device, each for one translation at a time */
#define RTAP_IOTLB_ASKERS 2

/**
 * enum rtap_iotlb_question - how far a question has come
 * @RTAP_IOTLB_NONE: nothing is asked
 * @RTAP_IOTLB_UNREAD: the VMM has not read it
 * @RTAP_IOTLB_READ: it has, and has not answered
 */
enum rtap_iotlb_question {
	RTAP_IOTLB_NONE,
	RTAP_IOTLB_UNREAD,
	RTAP_IOTLB_READ,
};

/**
 * struct rtap_iotlb_miss - a translation that is missing
 */
struct rtap_iotlb_miss {
	/** @iova: I/O virtual address */
	u64 iova;
	/** @perm: what it is wanted for: bits of VHOST_MAP_RW */
	u8 perm;
};

/**
 * struct rtap_iotlb_ask - a question to the VMM
 */
struct rtap_iotlb_ask {
	/** @miss: what is asked for */
	struct rtap_iotlb_miss miss;
	/** @state: how far it has come */
	enum rtap_iotlb_question state;
	/** @read: when it was read last, in jiffies */
	unsigned long read;
};

/**
 * struct rtap_iotlb - the device IOTLB of a device, there as long as the device is
 */
struct rtap_iotlb {
	/** @lock: guards @tree's entries and @asks */
	spinlock_t lock;
	/**
	 * @tree: translations by IOVA; NULL without an IOTLB. The pointer changes under
	 * the device's lock too, and may be compared with NULL without any.
	 */
	struct vhost_iotlb *tree;
	/**
	 * @charges: as much memory as the entries of @tree take, which vhost_iotlb has on
	 * nobody's account; guarded by the device's lock
	 */
	void *charges[RTAP_IOTLB_ENTRIES / RTAP_IOTLB_CHARGE];
	/** @asks: questions, by who asks */
	struct rtap_iotlb_ask asks[RTAP_IOTLB_ASKERS];
	/** @wait: woken when there is a question to be read, or no IOTLB any more */
	wait_queue_head_t wait;
};

void rtap_iotlb_init(struct rtap_iotlb *iotlb);
int rtap_iotlb_start(struct rtap_iotlb *iotlb);
void rtap_iotlb_stop(struct rtap_iotlb *iotlb);

int rtap_iotlb_add(struct rtap_iotlb *iotlb, u64 iova, u64 size, u64 uaddr, u8 perm,
		   u32 *answered);
void rtap_iotlb_remove(struct rtap_iotlb *iotlb, u64 first, u64 last);
bool rtap_iotlb_find(struct rtap_iotlb *iotlb, u64 iova, struct vhost_iotlb_map *entry);

bool rtap_iotlb_ask(struct rtap_iotlb *iotlb, u32 asker, const struct rtap_iotlb_miss *miss);
void rtap_iotlb_forget(struct rtap_iotlb *iotlb, u32 asker);
int rtap_iotlb_next(struct rtap_iotlb *iotlb, struct rtap_iotlb_miss *miss);
void rtap_iotlb_unread(struct rtap_iotlb *iotlb, u32 asker);
bool rtap_iotlb_has_unread(struct rtap_iotlb *iotlb);

/**
 * rtap_iotlb_on() - whether there is an IOTLB
 * @iotlb: that of the device
 *
 * Return: true if so; without the device's lock it may be over at once.
 */
static inline bool rtap_iotlb_on(const struct rtap_iotlb *iotlb)
{
	return READ_ONCE(iotlb->tree);
}

#endif /* RTAP_IOTLB_H */
