/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pins ring memory and gives it a kernel address
 */
#ifndef RTAP_AREA_MAP_H
#define RTAP_AREA_MAP_H

#include <linux/types.h>

struct mm_struct;
struct rtap_area;
struct rtap_piece;

int rtap_area_map(struct rtap_area *area, struct mm_struct *mm, const struct rtap_piece *pieces,
		  u32 nr);
void rtap_area_unmap(struct rtap_area *area, struct mm_struct *mm);

#endif /* RTAP_AREA_MAP_H */
