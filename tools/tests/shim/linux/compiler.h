/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Branch hints and the compiler barrier in user space */
#ifndef RTAP_SHIM_COMPILER_H
#define RTAP_SHIM_COMPILER_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val) ((void)(*(volatile __typeof__(x) *)&(x) = (val)))
#define barrier() __asm__ __volatile__("" : : : "memory")

#endif
