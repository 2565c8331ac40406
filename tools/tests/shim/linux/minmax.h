/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Type-checked minimum and maximum */
#ifndef RTAP_SHIM_MINMAX_H
#define RTAP_SHIM_MINMAX_H

#define min_t(type, a, b)                                                                          \
	({                                                                                         \
		type rtap_a = (a);                                                                 \
		type rtap_b = (b);                                                                 \
		rtap_a < rtap_b ? rtap_a : rtap_b;                                                 \
	})

#define max_t(type, a, b)                                                                          \
	({                                                                                         \
		type rtap_a = (a);                                                                 \
		type rtap_b = (b);                                                                 \
		rtap_a > rtap_b ? rtap_a : rtap_b;                                                 \
	})

/* the kernel's refuses operands of different types; so does this */
#define min(a, b)                                                                                  \
	({                                                                                         \
		_Static_assert(__builtin_types_compatible_p(__typeof__(a), __typeof__(b)),         \
			       "min() of different types");                                        \
		min_t(__typeof__(a), a, b);                                                        \
	})

#define max(a, b)                                                                                  \
	({                                                                                         \
		_Static_assert(__builtin_types_compatible_p(__typeof__(a), __typeof__(b)),         \
			       "max() of different types");                                        \
		max_t(__typeof__(a), a, b);                                                        \
	})

#endif
