/* SPDX-License-Identifier: GPL-2.0-only */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/ringtap.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_RINGTAP_GEN_H
#define _LINUX_RINGTAP_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/ringtap.h>

extern const struct nla_policy ringtap_device_get_nl_policy[RINGTAP_A_DEVICE_ID + 1];

extern const struct nla_policy ringtap_queue_get_nl_policy[RINGTAP_A_QUEUE_INDEX + 1];

extern const struct nla_policy ringtap_worker_get_nl_policy[RINGTAP_A_WORKER_ID + 1];

/* Ops table for ringtap */
extern const struct genl_ops ringtap_nl_ops[3];

int ringtap_nl_device_get_doit(struct sk_buff *skb, struct genl_info *info);
int ringtap_nl_device_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int ringtap_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info);
int ringtap_nl_queue_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int ringtap_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info);
int ringtap_nl_worker_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);

enum {
	RINGTAP_NLGRP_EVENTS,
};

#endif /* _LINUX_RINGTAP_GEN_H */
