/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls that the kernel's vhost ABI does not have yet
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

#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_FORK_OWNER_KTHREAD  0
#define VHOST_FORK_OWNER_TASK	  1
#define VHOST_SET_FORK_FROM_OWNER _IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER _IOR(VHOST_VIRTIO, 0x85, __u8)
#endif

#ifndef VHOST_GET_FEATURES_ARRAY
/**
 * struct vhost_features_array - feature bits, as many as somebody has room for
 */
struct vhost_features_array {
	/** @count: words in @features */
	__u64 count;
	/** @features: the bits, lowest word first */
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY  _IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY  _IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif

#endif /* RTAP_COMPAT_VHOST_H */
