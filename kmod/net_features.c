// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feature bits: what a network device offers and is told to use
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "net.h"

/* What is offered on every kernel. */
#define RTAP_NET_FEATURES \
	(BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT_ULL(VIRTIO_F_ANY_LAYOUT) | \
	 BIT_ULL(VHOST_F_LOG_ALL) | \
	 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
	 BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_F_VERSION_1) | \
	 BIT_ULL(VIRTIO_F_RING_PACKED) | BIT_ULL(VIRTIO_F_IN_ORDER) | \
	 BIT_ULL(VIRTIO_F_RING_RESET) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))
/* Same bit as ANY_LAYOUT: stock's name for "the device has the header, the socket has none" */
static_assert(VHOST_NET_F_VIRTIO_NET_HDR == VIRTIO_F_ANY_LAYOUT);
/* What is offered where the kernel's TAP has it: bits of the array's second word. */
#define RTAP_NET_TUNNEL_FEATURES \
	(BIT_ULL(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64) | \
	 BIT_ULL(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64))
#define RTAP_NET_BACKEND_FEATURES BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2)

/* The array as it is offered. */
static const u64 rtap_net_offered[RTAP_VQ_FEATURE_WORDS] = {
	RTAP_NET_FEATURES,
	RTAP_UDP_TUNNELS ? RTAP_NET_TUNNEL_FEATURES : 0,
};

/* All words of the array. */
static long rtap_net_set_features(struct rtap_net *net, const u64 *features)
{
	int err, i;

	for (i = 0; i < RTAP_VQ_FEATURE_WORDS; i++)
		if (features[i] & ~rtap_net_offered[i])
			return -EOPNOTSUPP;
	if (features[0] & BIT_ULL(VHOST_F_LOG_ALL) && net->dev.mm &&
	    !rtap_dev_attached_log_ok(&net->dev, net->queues[0].vq.log.base, true))
		return -EFAULT;
	err = rtap_dev_reset_iotlb(&net->dev, features[0]);
	if (err)
		return err;
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		struct rtap_vq *vq = &net->queues[i].vq;

		rtap_dev_lock_vq(&net->dev, vq);
		memcpy(vq->features, features, sizeof(vq->features));
		rtap_vq_update_log(vq);
		mutex_unlock(&vq->lock);
		/* a question that was not answered is forgotten with the IOTLB: ask it again */
		rtap_vq_wake(vq);
	}
	return 0;
}

static long rtap_net_put_u64(void __user *argp, u64 value)
{
	return copy_to_user(argp, &value, sizeof(value)) ? -EFAULT : 0;
}

/* Words beyond those that are read or zeroed together. */
#define RTAP_NET_REST_WORDS 32

/* An array may be as long as the caller's memory is. */
static int rtap_net_go_on(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Words that know no feature: they have to be zero. */
static int rtap_net_check_rest(const u64 __user *words, u64 count)
{
	u64 some[RTAP_NET_REST_WORDS], n;
	int err = 0, i;

	for (; count && !err; count -= n, words += n) {
		n = min_t(u64, count, ARRAY_SIZE(some));
		if (copy_from_user(some, words, n * sizeof(*words)))
			return -EFAULT;
		for (i = 0; i < n; i++)
			if (some[i])
				return -EOPNOTSUPP;
		err = rtap_net_go_on();
	}
	return err;
}

static int rtap_net_clear_rest(u64 __user *words, u64 count)
{
	int err = 0;
	u64 n;

	/* what is too long for any memory is not written to in part */
	if (count > SIZE_MAX / sizeof(*words) || !access_ok(words, count * sizeof(*words)))
		return -EFAULT;
	for (; count && !err; count -= n, words += n) {
		n = min_t(u64, count, RTAP_NET_REST_WORDS);
		if (clear_user(words, n * sizeof(*words)))
			return -EFAULT;
		err = rtap_net_go_on();
	}
	return err;
}

static long rtap_net_set_array(struct rtap_net *net, const u64 __user *words, u64 count)
{
	u64 features[RTAP_VQ_FEATURE_WORDS] = {}, known = min_t(u64, count, ARRAY_SIZE(features));
	int err;

	if (copy_from_user(features, words, known * sizeof(*words)))
		return -EFAULT;
	err = rtap_net_check_rest(words + known, count - known);
	if (err)
		return err;
	return rtap_net_set_features(net, features);
}

/* {count, words}: what is beyond the words that there are is zero, either way. */
static long rtap_net_features_array(struct rtap_net *net, unsigned int cmd, void __user *argp)
{
	struct vhost_features_array __user *array = argp;
	u64 __user *words = array->features;
	u64 count, known;

	if (copy_from_user(&count, &array->count, sizeof(count)))
		return -EFAULT;
	if (cmd == VHOST_SET_FEATURES_ARRAY)
		return rtap_net_set_array(net, words, count);
	known = min_t(u64, count, ARRAY_SIZE(rtap_net_offered));
	if (copy_to_user(words, rtap_net_offered, known * sizeof(*words)))
		return -EFAULT;
	return rtap_net_clear_rest(words + known, count - known);
}

/**
 * rtap_net_features_ioctl() - tell or set feature bits
 * @net: the device; its lock is held
 * @cmd: VHOST_GET_FEATURES, VHOST_SET_FEATURES, the same of the backend, or of the array
 * @argp: user address of its argument
 *
 * Context: an ioctl of anyone: some clients have no owner yet.
 * Return: what the ioctl returns.
 */
long rtap_net_features_ioctl(struct rtap_net *net, unsigned int cmd, void __user *argp)
{
	u64 features[RTAP_VQ_FEATURE_WORDS] = {};

	if (cmd == VHOST_GET_FEATURES)
		return rtap_net_put_u64(argp, RTAP_NET_FEATURES);
	if (cmd == VHOST_GET_BACKEND_FEATURES)
		return rtap_net_put_u64(argp, RTAP_NET_BACKEND_FEATURES);
	if (cmd == VHOST_GET_FEATURES_ARRAY || cmd == VHOST_SET_FEATURES_ARRAY)
		return rtap_net_features_array(net, cmd, argp);
	if (copy_from_user(features, argp, sizeof(*features)))
		return -EFAULT;
	if (cmd == VHOST_SET_FEATURES)
		return rtap_net_set_features(net, features);
	if (features[0] & ~RTAP_NET_BACKEND_FEATURES)
		return -EOPNOTSUPP;
	/* read without the lock, for the form of messages */
	WRITE_ONCE(net->dev.backend_features, features[0]);
	return 0;
}
