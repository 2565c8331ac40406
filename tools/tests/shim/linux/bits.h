/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single bits */
#ifndef RTAP_SHIM_BITS_H
#define RTAP_SHIM_BITS_H

#define BIT(nr) (1UL << (nr))

#endif
