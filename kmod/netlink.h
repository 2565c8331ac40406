/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family "ringtap": what Documentation/netlink/ringtap.yaml says
 */
#ifndef RTAP_NETLINK_H
#define RTAP_NETLINK_H

#include <net/genetlink.h>

#include "netlink_gen.h"

struct pid;
struct pid_namespace;
struct rtap_net;
struct rtap_event_sink;
struct rtap_owner;

extern struct genl_family rtap_netlink_family;
/* netlink_event.c */
extern const struct rtap_event_sink rtap_netlink_sink;

/**
 * struct rtap_netlink_reader - who asks
 */
struct rtap_netlink_reader {
	/** @net: network namespace of its socket */
	struct net *net;
	/** @pids: pid namespace of the process that reads */
	struct pid_namespace *pids;
	/** @host: it is in the initial network namespace */
	bool host;
	/** @request: what it asks; says what else it may see */
	struct sk_buff *request;
};

/**
 * struct rtap_netlink_reply - where messages go
 */
struct rtap_netlink_reply {
	/** @skb: the messages */
	struct sk_buff *skb;
	/** @cb: the dump they are part of, or NULL */
	struct netlink_callback *cb;
	/** @portid: whom they are for */
	u32 portid;
	/** @seq: what they answer */
	u32 seq;
	/** @reader: the same, as far as it matters what it may see */
	struct rtap_netlink_reader reader;
};

/*
 * Adds one message about an item of a device, under the registry's lock. Returns 0,
 * -ENOENT if there is no such item, or -EMSGSIZE.
 */
typedef int (*rtap_netlink_put_t)(struct rtap_netlink_reply *reply, struct rtap_net *net, u32 item);

/* netlink.c: the family, and what get and dump have in common */
int rtap_netlink_init(void);
void rtap_netlink_exit(void);
void *rtap_netlink_start(struct rtap_netlink_reply *reply, u8 cmd);
int rtap_netlink_end(struct rtap_netlink_reply *reply, void *start, bool full);
int rtap_netlink_get(struct sk_buff *request, struct genl_info *info, rtap_netlink_put_t put,
		     u32 id, u32 item);
int rtap_netlink_dump(struct sk_buff *skb, struct netlink_callback *cb, rtap_netlink_put_t put,
		      u32 items);

/* netlink_device.c: what several messages say alike */
pid_t rtap_netlink_pid(const struct rtap_netlink_reader *reader, const struct rtap_owner *owner,
		       struct pid *pid);

#endif /* RTAP_NETLINK_H */
