// SPDX-License-Identifier: GPL-2.0-or-later
// features.c - sections on feature bits: the word, the array, and the backend's own.

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi.h"

static uint64_t offered(int fd)
{
	uint64_t features = 0;

	if (ioctl(fd, VHOST_GET_FEATURES, &features))
		abi_die("VHOST_GET_FEATURES");
	return features;
}

void section_features(void)
{
	struct abi_rig rig;
	uint64_t all, zero = 0;
	unsigned int bit;

	rig_open(&rig);
	all = offered(rig.fd);
	for (bit = 0; bit < 64; bit++)
		abi_fact(abi_name("offered-bit-%u", bit), "VHOST_GET_FEATURES() has %d",
			 (int)(all >> bit & 1));
	for (bit = 0; bit < 64; bit++)
		STEP_U64(abi_name("set-bit-%u", bit), rig.fd, VHOST_SET_FEATURES, ABI_BIT(bit));
	STEP("set-all-offered", rig.fd, VHOST_SET_FEATURES, &all, "offered");
	STEP_U64("set-none", rig.fd, VHOST_SET_FEATURES, 0);
	STEP_U64("set-everything", rig.fd, VHOST_SET_FEATURES, ~0ULL);
	STEP("set-unmapped", rig.fd, VHOST_SET_FEATURES, abi_bad_pointer(), "unmapped");
	STEP("set-kernel", rig.fd, VHOST_SET_FEATURES, abi_kernel_pointer(), "kernel");
	STEP("set-half", rig.fd, VHOST_SET_FEATURES, abi_edge(&zero, 4), "half mapped");
	STEP("get-null", rig.fd, VHOST_GET_FEATURES, NULL, "NULL");
	STEP("get-read-only", rig.fd, VHOST_GET_FEATURES, abi_read_only(&zero, 8), "read-only");
	STEP("get-half", rig.fd, VHOST_GET_FEATURES, abi_edge(&zero, 4), "half mapped");
	STEP_VOID("take", rig.fd, VHOST_SET_OWNER);
	STEP("set-all-owned", rig.fd, VHOST_SET_FEATURES, &all, "offered");
	STEP_U64("set-reserved-owned", rig.fd, VHOST_SET_FEATURES, ABI_BIT(63));
	rig_close(&rig);

	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_TX, abi_tap_up("tap0"));
	STEP_U64("set-running-same", rig.fd, VHOST_SET_FEATURES,
		 ABI_BIT(VIRTIO_F_VERSION_1) | ABI_BIT(VIRTIO_NET_F_MRG_RXBUF));
	STEP_U64("set-running-less", rig.fd, VHOST_SET_FEATURES, ABI_BIT(VIRTIO_F_VERSION_1));
	STEP_U64("set-running-more", rig.fd, VHOST_SET_FEATURES,
		 ABI_BIT(VIRTIO_F_VERSION_1) | ABI_BIT(VIRTIO_RING_F_EVENT_IDX));
	STEP_U64("set-running-bad", rig.fd, VHOST_SET_FEATURES, ABI_BIT(63));
	rig_close(&rig);
}

struct array {
	uint64_t count;
	uint64_t words[8];
};

static void get_array(const char *name, int fd, uint64_t count)
{
	struct array array = {.count = count};
	char data[60] = "";
	size_t used = 0;
	long ret;
	int i;

	memset(array.words, 0x5a, sizeof(array.words));
	ret = STEP(name, fd, VHOST_GET_FEATURES_ARRAY, &array,
		   abi_name("count=%llu", (unsigned long long)count));
	/* Which words it wrote: 0 zeroed, f features (any value), . untouched. */
	for (i = 0; i < 8; i++)
		used += snprintf(data + used, sizeof(data) - used, "%c",
				 !array.words[i]                           ? '0'
				 : array.words[i] == 0x5a5a5a5a5a5a5a5aULL ? '.'
									   : 'f');
	abi_fact(abi_name("%s-words", name), "VHOST_GET_FEATURES_ARRAY() %s, ret %ld", data, ret);
}

static void set_array(const char *name, int fd, uint64_t count, unsigned int word, uint64_t value)
{
	struct array array = {.count = count};

	array.words[word] = value;
	STEP(name, fd, VHOST_SET_FEATURES_ARRAY, &array,
	     abi_name("count=%llu word[%u]=0x%llx", (unsigned long long)count, word,
		      (unsigned long long)value));
}

void section_features_array(void)
{
	struct array array = {.count = 4};
	struct abi_rig rig;
	/* 64 and up: 65 and 67 are the UDP tunnel's. */
	static const unsigned char bits[] = {0, 1, 2, 3, 4, 31, 32, 63};
	uint64_t count;
	size_t i;

	rig_open(&rig);
	for (count = 0; count <= 8; count++)
		get_array(abi_name("get-%llu", (unsigned long long)count), rig.fd, count);
	get_array("get-huge", rig.fd, 1ULL << 60);
	get_array("get-most", rig.fd, ~0ULL);
	STEP("get-unmapped", rig.fd, VHOST_GET_FEATURES_ARRAY, abi_bad_pointer(), "unmapped");
	STEP("get-count-only", rig.fd, VHOST_GET_FEATURES_ARRAY, abi_edge(&array, 8), "count only");
	STEP("get-one-of-four", rig.fd, VHOST_GET_FEATURES_ARRAY, abi_edge(&array, 16),
	     "count=4, one word mapped");
	STEP("get-read-only", rig.fd, VHOST_GET_FEATURES_ARRAY,
	     abi_read_only(&array, sizeof(array)), "read-only");
	for (i = 0; i < sizeof(bits); i++)
		set_array(abi_name("set-word1-bit-%u", bits[i]), rig.fd, 2, 1, ABI_BIT(bits[i]));
	set_array("set-none", rig.fd, 0, 0, 0);
	set_array("set-one", rig.fd, 1, 0, ABI_BIT(VIRTIO_F_VERSION_1));
	set_array("set-reserved", rig.fd, 1, 0, ABI_BIT(63));
	set_array("set-two", rig.fd, 2, 0, ABI_BIT(VIRTIO_F_VERSION_1));
	set_array("set-eight", rig.fd, 8, 0, ABI_BIT(VIRTIO_F_VERSION_1));
	set_array("set-beyond", rig.fd, 8, 7, 1);
	set_array("set-beyond-count", rig.fd, 4, 7, 1);
	STEP("set-unmapped", rig.fd, VHOST_SET_FEATURES_ARRAY, abi_bad_pointer(), "unmapped");
	STEP("set-count-only", rig.fd, VHOST_SET_FEATURES_ARRAY, abi_edge(&array, 8), "count only");
	STEP("set-one-of-four", rig.fd, VHOST_SET_FEATURES_ARRAY, abi_edge(&array, 16),
	     "count=4, one word mapped");
	STEP("set-three-of-four", rig.fd, VHOST_SET_FEATURES_ARRAY, abi_edge(&array, 32),
	     "count=4, three words mapped");
	rig_close(&rig);
}

void section_backend_features(void)
{
	struct abi_rig rig;
	uint64_t zero = 0;
	unsigned int bit;

	rig_open(&rig);
	STEP_GET_U64("get", rig.fd, VHOST_GET_BACKEND_FEATURES);
	for (bit = 0; bit < 64; bit++)
		STEP_U64(abi_name("set-bit-%u", bit), rig.fd, VHOST_SET_BACKEND_FEATURES,
			 ABI_BIT(bit));
	STEP_U64("set-none", rig.fd, VHOST_SET_BACKEND_FEATURES, 0);
	STEP_GET_U64("get-again", rig.fd, VHOST_GET_BACKEND_FEATURES);
	STEP("set-unmapped", rig.fd, VHOST_SET_BACKEND_FEATURES, abi_bad_pointer(), "unmapped");
	STEP("set-half", rig.fd, VHOST_SET_BACKEND_FEATURES, abi_edge(&zero, 4), "half mapped");
	STEP("get-unmapped", rig.fd, VHOST_GET_BACKEND_FEATURES, abi_bad_pointer(), "unmapped");
	STEP("get-read-only", rig.fd, VHOST_GET_BACKEND_FEATURES, abi_read_only(&zero, 8),
	     "read-only");
	STEP_VOID("take", rig.fd, VHOST_SET_OWNER);
	STEP_U64("set-owned", rig.fd, VHOST_SET_BACKEND_FEATURES, 2);
	rig_close(&rig);
}
