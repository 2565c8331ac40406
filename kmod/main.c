// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads and unloads ringtap, a virtio-net backend with the ABI of vhost-net
 */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "chardev.h"
#include "net_iface.h"
#include "netlink.h"

static char *node = "vhost-ringtap";
module_param(node, charp, 0444);
MODULE_PARM_DESC(node, "name of the device node (default vhost-ringtap); vhost-net replaces the stock module's");

static int __init rtap_main_init(void)
{
	int err;

	err = rtap_iface_init();
	if (err)
		return err;
	err = rtap_netlink_init();
	if (err)
		goto err_iface;
	err = rtap_chardev_init(node);
	if (err)
		goto err_netlink;
	pr_info("ringtap: version %s serves /dev/%s\n", RTAP_VERSION, node);
	return 0;

err_netlink:
	rtap_netlink_exit();
err_iface:
	rtap_iface_exit();
	return err;
}

static void __exit rtap_main_exit(void)
{
	rtap_chardev_exit();
	rtap_netlink_exit();
	rtap_iface_exit();
	/* callbacks of ours that wait for a grace period */
	rcu_barrier();
}

module_init(rtap_main_init);
module_exit(rtap_main_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(RTAP_VERSION);
MODULE_DESCRIPTION("virtio-net backend that speaks the vhost ABI");
