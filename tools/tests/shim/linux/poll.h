/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Poll masks, which nobody looks at here */
#ifndef RTAP_SHIM_POLL_H
#define RTAP_SHIM_POLL_H

#define EPOLLIN 0x0001
#define EPOLLRDNORM 0x0040

#endif
