/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device node
 */
#ifndef RTAP_CHARDEV_H
#define RTAP_CHARDEV_H

int rtap_chardev_init(const char *node);
void rtap_chardev_exit(void);

#endif /* RTAP_CHARDEV_H */
