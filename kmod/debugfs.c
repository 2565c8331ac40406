// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file ringtap/ID/stats: a device's state and counters, one "name value" a line
 */
#include "debugfs.h"

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "net.h"

static struct dentry *rtap_debugfs_root;

static const char *const rtap_debugfs_states[] = {
	[RTAP_VQ_STOPPED] = "stopped",
	[RTAP_VQ_RUNNING] = "running",
	[RTAP_VQ_BROKEN] = "broken",
};

static const char *const rtap_debugfs_backends[] = {
	[RTAP_BACKEND_NONE] = "none",
	[RTAP_BACKEND_TUN] = "tun",
	[RTAP_BACKEND_TAP] = "tap",
	[RTAP_BACKEND_PACKET] = "packet",
};

/* What the lock guards; the counters below it are read without. */
static int rtap_debugfs_state(struct seq_file *seq, struct rtap_net_queue *q, const char *name)
{
	struct rtap_vq *vq = &q->vq;
	struct rtap_ring *ring = &vq->ring;

	/* it may be held for as long as a page of the owner takes to come in */
	if (mutex_lock_interruptible(&vq->lock))
		return -EINTR;
	seq_printf(seq, "%s.state %s\n", name, rtap_debugfs_states[vq->state]);
	seq_printf(seq, "%s.backend %s\n", name, rtap_debugfs_backends[q->backend.kind]);
	seq_printf(seq, "%s.features 0x%llx\n", name, vq->features);
	if (vq->state != RTAP_VQ_STOPPED) {
		seq_printf(seq, "%s.layout %s\n", name,
			   ring->layout == RTAP_LAYOUT_PACKED ? "packed" : "split");
		seq_printf(seq, "%s.size %u\n", name, ring->num);
		seq_printf(seq, "%s.access %s\n", name,
			   ring->desc.kaddr && ring->driver.kaddr && ring->device.kaddr ?
			   "mapped" : "user");
		seq_printf(seq, "%s.last_avail %u\n", name, ring->last_avail);
		seq_printf(seq, "%s.last_used %u\n", name, ring->last_used);
	}
	if (vq->state == RTAP_VQ_BROKEN)
		seq_printf(seq, "%s.fault %s index %u descriptor %u\n", name,
			   rtap_ring_error_name(ring->fault.kind), ring->fault.index,
			   ring->fault.desc);
	mutex_unlock(&vq->lock);
	return 0;
}

static void rtap_debugfs_counts(struct seq_file *seq, const struct rtap_stats *stats,
				const char *name)
{
	int i;

	for (i = 0; i < RTAP_STATS; i++)
		seq_printf(seq, "%s.%s %llu\n", name, rtap_stats_name(i),
			   READ_ONCE(stats->counts[i]));
	for (i = 1; i < RTAP_RING_ERRORS; i++)
		seq_printf(seq, "%s.error_%s %llu\n", name, rtap_ring_error_name(i),
			   READ_ONCE(stats->errors[i]));
}

static int rtap_stats_show(struct seq_file *seq, void *unused)
{
	static const char *const names[] = { [RTAP_NET_RX] = "rx", [RTAP_NET_TX] = "tx" };
	struct rtap_net *net = seq->private;
	int err, i;

	seq_printf(seq, "device.owner %d\n", READ_ONCE(net->dev.owner));
	seq_printf(seq, "device.workers %u\n", READ_ONCE(net->dev.nr_workers));
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		err = rtap_debugfs_state(seq, &net->queues[i], names[i]);
		if (err)
			return err;
		rtap_debugfs_counts(seq, &net->queues[i].vq.stats, names[i]);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rtap_stats);

/**
 * rtap_debugfs_add() - show a device
 * @net: the device; stays until rtap_debugfs_remove()
 *
 * Return: its directory; an ERR_PTR is fine for rtap_debugfs_remove().
 */
struct dentry *rtap_debugfs_add(struct rtap_net *net)
{
	struct dentry *dir;
	char name[16];

	snprintf(name, sizeof(name), "%u", net->dev.id);
	dir = debugfs_create_dir(name, rtap_debugfs_root);
	debugfs_create_file("stats", 0400, dir, net, &rtap_stats_fops);
	return dir;
}

/**
 * rtap_debugfs_remove() - hide a device; waits for readers
 * @dir: from rtap_debugfs_add()
 */
void rtap_debugfs_remove(struct dentry *dir)
{
	debugfs_remove(dir);
}

/**
 * rtap_debugfs_init() - make the directory for devices
 */
void rtap_debugfs_init(void)
{
	rtap_debugfs_root = debugfs_create_dir("ringtap", NULL);
}

/**
 * rtap_debugfs_exit() - remove it
 */
void rtap_debugfs_exit(void)
{
	debugfs_remove(rtap_debugfs_root);
}
