/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters for reading, until they are available over generic netlink
 */
#ifndef RTAP_DEBUGFS_H
#define RTAP_DEBUGFS_H

struct dentry;
struct rtap_net;

void rtap_debugfs_init(void);
void rtap_debugfs_exit(void);
struct dentry *rtap_debugfs_add(struct rtap_net *net);
void rtap_debugfs_remove(struct dentry *dir);

#endif /* RTAP_DEBUGFS_H */
