// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the kthreads of each user, and holds them against RLIMIT_NPROC
 *
 * The kernel counts what a process forks. A kthread is nobody's: without a limit, who
 * may open the node could have as many as the machine can, until nobody can fork.
 */
#include "thread_user.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

/**
 * struct rtap_thread_user - somebody who has kthreads
 */
struct rtap_thread_user {
	/** @link: in rtap_thread_users */
	struct list_head link;
	/** @uid: who */
	kuid_t uid;
	/** @threads: how many, not 0 */
	unsigned long threads;
};

/* Guards the list and the users in it. */
static DEFINE_MUTEX(rtap_thread_users_mutex);
static LIST_HEAD(rtap_thread_users);

static struct rtap_thread_user *rtap_thread_user_find(kuid_t uid)
{
	struct rtap_thread_user *user;

	lockdep_assert_held(&rtap_thread_users_mutex);
	list_for_each_entry(user, &rtap_thread_users, link)
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* As for fork(): root and who may exceed limits are not held to them. */
static bool rtap_thread_user_may(unsigned long threads)
{
	return threads < rlimit(RLIMIT_NPROC) || uid_eq(current_uid(), GLOBAL_ROOT_UID) ||
	       capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN);
}

/**
 * rtap_thread_user_charge() - have the caller's user pay for one more kthread
 *
 * Context: process context; sleeps.
 * Return: whom to give to rtap_thread_user_uncharge() when the thread has ended, -EAGAIN
 * if there are as many as RLIMIT_NPROC allows, or -ENOMEM.
 */
struct rtap_thread_user *rtap_thread_user_charge(void)
{
	struct rtap_thread_user *fresh, *user;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&rtap_thread_users_mutex);
	user = rtap_thread_user_find(current_uid());
	if (!rtap_thread_user_may(user ? user->threads : 0)) {
		user = ERR_PTR(-EAGAIN);
	} else if (user) {
		user->threads++;
	} else {
		swap(user, fresh);
		user->uid = current_uid();
		user->threads = 1;
		list_add(&user->link, &rtap_thread_users);
	}
	mutex_unlock(&rtap_thread_users_mutex);
	kfree(fresh);
	return user;
}

/**
 * rtap_thread_user_uncharge() - a kthread has ended
 * @user: who paid for it; may be gone afterwards
 *
 * Context: process context of anyone; sleeps.
 */
void rtap_thread_user_uncharge(struct rtap_thread_user *user)
{
	mutex_lock(&rtap_thread_users_mutex);
	if (!--user->threads) {
		list_del(&user->link);
		kfree(user);
	}
	mutex_unlock(&rtap_thread_users_mutex);
}
