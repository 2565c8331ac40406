/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An atomic operation on user memory, of which the dirty log needs one kind */
#ifndef RTAP_SHIM_FUTEX_H
#define RTAP_SHIM_FUTEX_H

#include <linux/futex.h>

#include "../shim.h"

/* FUTEX_OP_OR, as the others are not called: 0, -EFAULT, or -EAGAIN if a test asked for it */
#define arch_futex_atomic_op_inuser(op, oparg, old, uaddr) rtap_shim_or((op), (oparg), (old), (uaddr))

#endif
