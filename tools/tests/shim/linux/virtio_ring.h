/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring's constants, without the inlines that are not C++ */
#ifndef RTAP_SHIM_VIRTIO_RING_H
#define RTAP_SHIM_VIRTIO_RING_H

#ifndef VIRTIO_RING_NO_LEGACY
#define VIRTIO_RING_NO_LEGACY
#endif
#include_next <linux/virtio_ring.h>

#endif
