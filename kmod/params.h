/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Module parameters that others than main.c act on
 */
#ifndef RTAP_PARAMS_H
#define RTAP_PARAMS_H

#include <linux/types.h>

u32 rtap_param_workers(void);

#endif /* RTAP_PARAMS_H */
