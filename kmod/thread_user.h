/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose the kthreads are: no limit of the kernel's is for them
 */
#ifndef RTAP_THREAD_USER_H
#define RTAP_THREAD_USER_H

struct rtap_thread_user;

struct rtap_thread_user *rtap_thread_user_charge(void);
void rtap_thread_user_uncharge(struct rtap_thread_user *user);

#endif /* RTAP_THREAD_USER_H */
