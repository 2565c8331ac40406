/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that are open, for those who look at them from outside
 */
#ifndef RTAP_REGISTRY_H
#define RTAP_REGISTRY_H

#include <linux/types.h>

struct rtap_net;

void rtap_registry_add(struct rtap_net *net, const char *node);
void rtap_registry_remove(struct rtap_net *net);

void rtap_registry_lock(void);
void rtap_registry_unlock(void);
unsigned int rtap_registry_generation(void);
struct rtap_net *rtap_registry_find(u32 id);
struct rtap_net *rtap_registry_first(u64 serial);
struct rtap_net *rtap_registry_next(struct rtap_net *net);

#endif /* RTAP_REGISTRY_H */
