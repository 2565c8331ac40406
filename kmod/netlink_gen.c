// SPDX-License-Identifier: GPL-2.0-only
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/ringtap.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/ringtap.h>

/* RINGTAP_CMD_DEVICE_GET - do */
const struct nla_policy ringtap_device_get_nl_policy[RINGTAP_A_DEVICE_ID + 1] = {
	[RINGTAP_A_DEVICE_ID] = { .type = NLA_U32, },
};

/* RINGTAP_CMD_QUEUE_GET - do */
const struct nla_policy ringtap_queue_get_nl_policy[RINGTAP_A_QUEUE_INDEX + 1] = {
	[RINGTAP_A_QUEUE_DEVICE] = { .type = NLA_U32, },
	[RINGTAP_A_QUEUE_INDEX] = { .type = NLA_U32, },
};

/* RINGTAP_CMD_WORKER_GET - do */
const struct nla_policy ringtap_worker_get_nl_policy[RINGTAP_A_WORKER_ID + 1] = {
	[RINGTAP_A_WORKER_DEVICE] = { .type = NLA_U32, },
	[RINGTAP_A_WORKER_ID] = { .type = NLA_U32, },
};

/* Ops table for ringtap */
const struct genl_ops ringtap_nl_ops[3] = {
	{
		.cmd		= RINGTAP_CMD_DEVICE_GET,
		.doit		= ringtap_nl_device_get_doit,
		.dumpit		= ringtap_nl_device_get_dumpit,
		.policy		= ringtap_device_get_nl_policy,
		.maxattr	= RINGTAP_A_DEVICE_ID,
	},
	{
		.cmd		= RINGTAP_CMD_QUEUE_GET,
		.doit		= ringtap_nl_queue_get_doit,
		.dumpit		= ringtap_nl_queue_get_dumpit,
		.policy		= ringtap_queue_get_nl_policy,
		.maxattr	= RINGTAP_A_QUEUE_INDEX,
	},
	{
		.cmd		= RINGTAP_CMD_WORKER_GET,
		.doit		= ringtap_nl_worker_get_doit,
		.dumpit		= ringtap_nl_worker_get_dumpit,
		.policy		= ringtap_worker_get_nl_policy,
		.maxattr	= RINGTAP_A_WORKER_ID,
	},
};

static const struct genl_multicast_group ringtap_nl_mcgrps[] = {
	[RINGTAP_NLGRP_EVENTS] = { "events", },
};
