// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether histograms are kept beside the counters
 */
#include "stats.h"

#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

DEFINE_STATIC_KEY_TRUE(rtap_stats_histograms);

static int rtap_stats_histograms_set(const char *val, const struct kernel_param *param)
{
	bool on;
	int err = kstrtobool(val ?: "y", &on);

	if (err)
		return err;
	if (on)
		static_branch_enable(&rtap_stats_histograms);
	else
		static_branch_disable(&rtap_stats_histograms);
	return 0;
}

static int rtap_stats_histograms_get(char *buf, const struct kernel_param *param)
{
	return sysfs_emit(buf, "%c\n", static_key_enabled(&rtap_stats_histograms) ? 'Y' : 'N');
}

static const struct kernel_param_ops rtap_stats_histograms_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = rtap_stats_histograms_set,
	.get = rtap_stats_histograms_get,
};

module_param_cb(histograms, &rtap_stats_histograms_ops, NULL, 0644);
MODULE_PARM_DESC(histograms, "keep histograms of batch sizes and wake-up times (default Y)");
