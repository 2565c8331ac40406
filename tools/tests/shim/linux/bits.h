/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single bits */
#ifndef RTAP_SHIM_BITS_H
#define RTAP_SHIM_BITS_H

#define BITS_PER_BYTE 8
#define BITS_PER_LONG __LONG_WIDTH__
#define BIT(nr) (1UL << (nr))
#define GENMASK(high, low) ((~0UL << (low)) & (~0UL >> (BITS_PER_LONG - 1 - (high))))

#endif
