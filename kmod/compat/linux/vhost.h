/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker ioctls, where the kernel's vhost ABI has none yet
 */
#ifndef RTAP_COMPAT_VHOST_H
#define RTAP_COMPAT_VHOST_H

#include_next <linux/vhost.h>

#ifndef VHOST_NEW_WORKER
/**
 * struct vhost_worker_state - names a worker of a device
 */
struct vhost_worker_state {
	/** @worker_id: its number in the device */
	unsigned int worker_id;
};

/**
 * struct vhost_vring_worker - says which worker serves which queue
 */
struct vhost_vring_worker {
	/** @index: number of the queue */
	unsigned int index;
	/** @worker_id: number of the worker */
	unsigned int worker_id;
};

#define VHOST_NEW_WORKER	  _IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER	  _IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER _IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER	  _IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif

#endif /* RTAP_COMPAT_VHOST_H */
