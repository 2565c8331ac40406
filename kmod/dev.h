/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One device: owner, memory table, workers, queues
 */
#ifndef RTAP_DEV_H
#define RTAP_DEV_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/types.h>

#include "event.h"
#include "vq.h"

/** RTAP_DEV_VQS - queues of a network device */
#define RTAP_DEV_VQS 2
/**
 * RTAP_DEV_WORKERS - most threads of a device: a spare for each that is moved or freed,
 * and on 6.1 the only limit, where RLIMIT_NPROC does not count kernel threads
 */
#define RTAP_DEV_WORKERS 8

/**
 * struct rtap_owner - whose a device is, as it was when it became theirs
 */
struct rtap_owner {
	/** @pid: the process; holds a reference */
	struct pid *pid;
	/** @netns: cookie of its network namespace */
	u64 netns;
	/** @comm: its name */
	char comm[TASK_COMM_LEN];
	/** @rcu: readers have a grace period */
	struct rcu_head rcu;
};

/**
 * struct rtap_dev_report - what a device is, for readers who may not wait for it
 */
struct rtap_dev_report {
	/** @owned: it has an owner */
	bool owned;
	/** @since: when @owned became what it is, in nanoseconds of CLOCK_BOOTTIME */
	u64 since;
	/** @features: virtio features acknowledged */
	u64 features[RTAP_VQ_FEATURE_WORDS];
	/** @backend_features: vhost backend features acknowledged */
	u64 backend_features;
	/** @table: there is a memory table */
	bool table;
	/** @regions: regions in it */
	u32 regions;
	/** @region_bytes: bytes in them */
	u64 region_bytes;
};

/**
 * struct rtap_dev - what one open of the node stands for
 */
struct rtap_dev {
	/** @lock: serialises ioctls; taken before any queue's lock */
	struct mutex lock;
	/** @id: number of the device among those open; constant */
	u32 id;
	/** @events: what events say of it, its serial too, which registry.c gives it */
	struct rtap_event_source events;
	/** @node: name of the node it was opened through; constant */
	const char *node;
	/** @closing: the last file of it is being closed: nobody else can reach it */
	bool closing;
	/** @opened: when, in nanoseconds of CLOCK_BOOTTIME; constant */
	u64 opened;
	/** @list: on the list of open devices; guarded by registry.c */
	struct list_head list;
	/** @mm: owner's address space (the structure is held), NULL without an owner */
	struct mm_struct *mm;
	/** @owner: pid of the owner, 0 without one */
	pid_t owner;
	/** @whose: the owner, for readers under RCU; NULL without one */
	struct rtap_owner __rcu *whose;
	/** @backend_features: as acknowledged by SET_BACKEND_FEATURES */
	u64 backend_features;
	/** @mem: memory table, NULL before SET_MEM_TABLE */
	struct rtap_mem *mem;
	/** @region_bytes: bytes in the regions of @mem */
	u64 region_bytes;
	/** @iotlb: where IOVAs are translated, with VIRTIO_F_ACCESS_PLATFORM */
	struct rtap_iotlb iotlb;
	/** @log: signalled when the dirty log is written, or NULL */
	struct eventfd_ctx *log;
	/** @workers: threads by their id, NULL where there is none; read under RCU too */
	struct rtap_worker __rcu *workers[RTAP_DEV_WORKERS];
	/** @threads: what the threads of the next owner are to be, or those of this one are */
	enum rtap_thread_kind threads;
	/** @nr_workers: how many there are; 0 without an owner */
	u32 nr_workers;
	/** @vqs: the queues; constant, owned by whoever made the device */
	struct rtap_vq *vqs[RTAP_DEV_VQS];
	/** @report_seq: of @report; odd for a few instructions only */
	seqcount_t report_seq;
	/** @report: as published by the last ioctl; read without the lock */
	struct rtap_dev_report report;
};

/* dev.c */
int rtap_dev_init(struct rtap_dev *dev);
void rtap_dev_exit(struct rtap_dev *dev);
int rtap_dev_set_owner(struct rtap_dev *dev, u32 workers);
void rtap_dev_disown(struct rtap_dev *dev);
int rtap_dev_check_owner(const struct rtap_dev *dev);
bool rtap_dev_is_strangers(const struct rtap_dev *dev);
long rtap_dev_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp);

/* dev_report.c: what is said about a device without its lock */
void rtap_dev_report_init(struct rtap_dev *dev);
void rtap_dev_report_publish(struct rtap_dev *dev);
void rtap_dev_report(const struct rtap_dev *dev, struct rtap_dev_report *report);
int rtap_dev_note_owner(struct rtap_dev *dev);
void rtap_dev_drop_owner(struct rtap_dev *dev);

/* dev_worker.c */
struct rtap_worker *rtap_dev_worker(const struct rtap_dev *dev, u32 id);
int rtap_dev_start_workers(struct rtap_dev *dev, u32 want);
void rtap_dev_stop_workers(struct rtap_dev *dev);
void rtap_dev_interrupt_workers(struct rtap_dev *dev);
void rtap_dev_lock_vq(struct rtap_dev *dev, struct rtap_vq *vq);
int rtap_dev_attach_worker(struct rtap_dev *dev, struct rtap_vq *vq, u32 id);
long rtap_dev_fork_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp);
long rtap_dev_worker_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp);
long rtap_dev_vring_worker_ioctl(struct rtap_dev *dev, struct rtap_vq *vq, unsigned int cmd,
				 void __user *argp);

/* dev_iotlb.c: the VMM's half of the IOTLB */
int rtap_dev_reset_iotlb(struct rtap_dev *dev, u64 features);
long rtap_dev_iotlb_message(struct rtap_dev *dev, const struct vhost_iotlb_msg *msg);
int rtap_dev_iotlb_wait(struct rtap_dev *dev, bool nonblock, struct rtap_iotlb_miss *miss);

/* dev_log.c: the dirty log */
bool rtap_dev_log_reaches(const struct rtap_mem *mem, u64 base);
bool rtap_dev_log_ok(const struct rtap_dev *dev, const struct rtap_vq *vq, u64 base, bool all);
bool rtap_dev_attached_log_ok(struct rtap_dev *dev, u64 base, bool all);
long rtap_dev_set_log_base(struct rtap_dev *dev, void __user *argp);
long rtap_dev_set_log_fd(struct rtap_dev *dev, void __user *argp);
void rtap_dev_drop_log(struct rtap_dev *dev);

/* dev_mem.c */
long rtap_dev_set_mem(struct rtap_dev *dev, void __user *argp);
void rtap_dev_use_mem(struct rtap_dev *dev, struct rtap_mem *mem);
bool rtap_dev_mem_ok(const struct rtap_mem *mem);

#endif /* RTAP_DEV_H */
