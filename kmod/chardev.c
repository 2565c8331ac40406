// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node's file operations: one open, one device
 */
#include "chardev.h"

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vhost.h>
#include <linux/workqueue.h>

#include "net.h"
#include "registry.h"

/* The name whose minor distributions reserve a static node for. */
#define RTAP_CHARDEV_STOCK_NODE "vhost-net"

static struct miscdevice rtap_chardev_misc;

/* Runs rtap_chardev_closing(). */
static struct workqueue_struct *rtap_chardev_closer;

static int rtap_chardev_open(struct inode *inode, struct file *filp)
{
	struct rtap_net *net = rtap_net_create();

	if (IS_ERR(net))
		return PTR_ERR(net);
	rtap_registry_add(net, rtap_chardev_misc.name);
	filp->private_data = net;
	return 0;
}

static void rtap_chardev_closing(struct work_struct *work)
{
	rtap_net_destroy(container_of(work, struct rtap_net, closing));
	/* the code goes no sooner than rtap_chardev_exit() has seen this return */
	module_put(THIS_MODULE);
}

/*
 * A device ends when its worker has, which waits for pages of the owner's, or for the
 * owner to be continued where that was stopped. An owner that closes the last file of
 * it waits as well. Nobody else does: who was passed the file, or a kernel thread that
 * closes files of everybody's (those that lay in sockets, for one).
 */
static int rtap_chardev_release(struct inode *inode, struct file *filp)
{
	struct rtap_net *net = filp->private_data;

	rtap_registry_remove(net);
	if (rtap_dev_is_strangers(&net->dev)) {
		/* nobody will use what it copies; and others wait for their turn here */
		rtap_dev_interrupt_workers(&net->dev);
		/* the file still holds a reference to the module */
		__module_get(THIS_MODULE);
		INIT_WORK(&net->closing, rtap_chardev_closing);
		queue_work(rtap_chardev_closer, &net->closing);
	} else {
		rtap_net_destroy(net);
	}
	return 0;
}

static long rtap_chardev_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	return rtap_net_ioctl(filp->private_data, cmd, (void __user *)arg);
}

/* Device IOTLB messages travel by read() and write(), in either of two forms. */
static ssize_t rtap_chardev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct rtap_net *net = iocb->ki_filp->private_data;
	struct rtap_iotlb_miss miss;
	union {
		struct vhost_msg v1;
		struct vhost_msg_v2 v2;
	} msg = {};
	int asker;

	if (iov_iter_count(to) < sizeof(msg))
		return 0;
	asker = rtap_dev_iotlb_wait(&net->dev, iocb->ki_filp->f_flags & O_NONBLOCK, &miss);
	if (asker < 0)
		return asker;
	static_assert(offsetof(struct vhost_msg, iotlb) == offsetof(struct vhost_msg_v2, iotlb));
	static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2));
	if (READ_ONCE(net->dev.backend_features) & BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2))
		msg.v2.type = VHOST_IOTLB_MSG_V2;
	else
		msg.v1.type = VHOST_IOTLB_MSG;
	msg.v2.iotlb.type = VHOST_IOTLB_MISS;
	msg.v2.iotlb.iova = miss.iova;
	msg.v2.iotlb.perm = miss.perm;
	if (copy_to_iter(&msg, sizeof(msg), to) != sizeof(msg)) {
		rtap_iotlb_unread(&net->dev.iotlb, asker);
		return -EFAULT;
	}
	return sizeof(msg);
}

static ssize_t rtap_chardev_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct rtap_net *net = iocb->ki_filp->private_data;
	struct vhost_iotlb_msg msg;
	long err;
	u32 type;

	if (!copy_from_iter_full(&type, sizeof(type), from))
		return -EINVAL;
	if (type != VHOST_IOTLB_MSG && type != VHOST_IOTLB_MSG_V2)
		return -EINVAL;
	/* both forms have the message proper at the same place */
	iov_iter_advance(from, offsetof(struct vhost_msg, iotlb) - sizeof(type));
	if (!copy_from_iter_full(&msg, sizeof(msg), from))
		return -EINVAL;
	if (msg.type == VHOST_IOTLB_UPDATE && !msg.size)
		return -EINVAL;
	err = rtap_dev_iotlb_message(&net->dev, &msg);
	if (err)
		return err == -EPERM || err == -EINTR ? err : -EFAULT;
	return sizeof(struct vhost_msg);
}

static __poll_t rtap_chardev_poll(struct file *filp, poll_table *wait)
{
	struct rtap_net *net = filp->private_data;
	struct rtap_iotlb *iotlb = &net->dev.iotlb;

	poll_wait(filp, &iotlb->wait, wait);
	return rtap_iotlb_has_unread(iotlb) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations rtap_chardev_fops = {
	.owner = THIS_MODULE,
	.open = rtap_chardev_open,
	.release = rtap_chardev_release,
	.read_iter = rtap_chardev_read_iter,
	.write_iter = rtap_chardev_write_iter,
	.poll = rtap_chardev_poll,
	.unlocked_ioctl = rtap_chardev_ioctl,
	/* every argument has the same layout for 32-bit callers */
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice rtap_chardev_misc = {
	.fops = &rtap_chardev_fops,
	/* the udev rule adds group kvm */
	.mode = 0660,
};

static bool rtap_chardev_valid(const char *node)
{
	return *node && strlen(node) < NAME_MAX && !strchr(node, '/') && strcmp(node, ".") &&
	       strcmp(node, "..");
}

/**
 * rtap_chardev_init() - make the node
 * @node: its name; "vhost-net" takes that name's minor as well, since opening the
 *        static node of that minor would otherwise load the stock module
 *
 * Return: 0, -EINVAL for a name that cannot be one, -EBUSY if it is taken, or -ENOMEM.
 */
int rtap_chardev_init(const char *node)
{
	bool stock = !strcmp(node, RTAP_CHARDEV_STOCK_NODE);
	int err;

	if (!rtap_chardev_valid(node)) {
		pr_err("ringtap: node=\"%s\" cannot be the name of a device node\n", node);
		return -EINVAL;
	}
	rtap_chardev_closer = alloc_workqueue("ringtap", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!rtap_chardev_closer)
		return -ENOMEM;
	rtap_chardev_misc.name = node;
	rtap_chardev_misc.minor = stock ? VHOST_NET_MINOR : MISC_DYNAMIC_MINOR;
	err = misc_register(&rtap_chardev_misc);
	if (err && stock)
		pr_err("ringtap: cannot take over /dev/%s (error %d): unload vhost_net first\n",
		       node, err);
	else if (err)
		pr_err("ringtap: cannot make /dev/%s (error %d): is the name taken?\n", node, err);
	if (err)
		destroy_workqueue(rtap_chardev_closer);
	return err;
}

/**
 * rtap_chardev_exit() - remove the node, which nobody has open
 */
void rtap_chardev_exit(void)
{
	misc_deregister(&rtap_chardev_misc);
	destroy_workqueue(rtap_chardev_closer);
}
