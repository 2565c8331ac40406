/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One device: owner, memory table, workers, queues
 */
#ifndef RTAP_DEV_H
#define RTAP_DEV_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "vq.h"

/** RTAP_DEV_VQS - queues of a network device */
#define RTAP_DEV_VQS 2
/**
 * RTAP_DEV_WORKERS - most threads of a device: a spare for each that is moved or freed,
 * and on 6.1 the only limit, where RLIMIT_NPROC does not count kernel threads
 */
#define RTAP_DEV_WORKERS 8

/**
 * struct rtap_dev - what one open of the node stands for
 */
struct rtap_dev {
	/** @lock: serialises ioctls; taken before any queue's lock */
	struct mutex lock;
	/** @id: number of the device among those open; constant */
	u32 id;
	/** @mm: owner's address space (the structure is held), NULL without an owner */
	struct mm_struct *mm;
	/** @owner: pid of the owner, 0 without one */
	pid_t owner;
	/** @backend_features: as acknowledged by SET_BACKEND_FEATURES */
	u64 backend_features;
	/** @mem: memory table, NULL before SET_MEM_TABLE */
	struct rtap_mem *mem;
	/** @log_base: user address of the dirty log, as SET_LOG_BASE gave it */
	u64 log_base;
	/** @log: signalled when the dirty log is written, or NULL */
	struct eventfd_ctx *log;
	/** @workers: threads by their id, NULL where there is none */
	struct rtap_worker *workers[RTAP_DEV_WORKERS];
	/** @nr_workers: how many there are; 0 without an owner */
	u32 nr_workers;
	/** @vqs: the queues; constant, owned by whoever made the device */
	struct rtap_vq *vqs[RTAP_DEV_VQS];
};

/* dev.c */
int rtap_dev_init(struct rtap_dev *dev);
void rtap_dev_exit(struct rtap_dev *dev);
int rtap_dev_set_owner(struct rtap_dev *dev, u32 workers);
void rtap_dev_disown(struct rtap_dev *dev);
int rtap_dev_check_owner(const struct rtap_dev *dev);
long rtap_dev_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp);

/* dev_worker.c */
int rtap_dev_start_workers(struct rtap_dev *dev, u32 want);
void rtap_dev_stop_workers(struct rtap_dev *dev);
int rtap_dev_attach_worker(struct rtap_dev *dev, struct rtap_vq *vq, u32 id);
long rtap_dev_worker_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp);
long rtap_dev_vring_worker_ioctl(struct rtap_dev *dev, struct rtap_vq *vq, unsigned int cmd,
				 void __user *argp);

/* dev_mem.c */
long rtap_dev_set_mem(struct rtap_dev *dev, void __user *argp);
void rtap_dev_use_mem(struct rtap_dev *dev, struct rtap_mem *mem);
bool rtap_dev_mem_ok(const struct rtap_mem *mem);

#endif /* RTAP_DEV_H */
