/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sections of the vhost ABI transcript share: steps that print themselves, and a rig to run them on. */
#ifndef RTAP_SELFTEST_ABI_H
#define RTAP_SELFTEST_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "../../tools/lib/vhost_abi.h"

#define ABI_BIT(bit) (1ULL << (bit))

#define ABI_QUEUES 2
#define ABI_RX     0
#define ABI_TX     1

/* One section of the transcript: a name and the steps, run in a process and a network namespace of its own. */
struct abi_section {
	const char *name;
	void (*run)(void);
};

/* abi.c: printing. A step's line is "section/name: what(args) -> ret errno [data]". */
extern const char *abi_node;
int abi_slow(void);
void abi_line(const char *name, const char *what, const char *args, long ret, int error,
	      const char *data);
void abi_fact(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void abi_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *abi_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* step.c: one function for each shape of argument. */
long step_ioctl(const char *name, int fd, const char *what, unsigned long request, void *arg,
		const char *args);
long step_u64(const char *name, int fd, const char *what, unsigned long request, uint64_t value);
long step_get_u64(const char *name, int fd, const char *what, unsigned long request);
long step_u8(const char *name, int fd, const char *what, unsigned long request, uint8_t value);
long step_state(const char *name, int fd, const char *what, unsigned long request,
		unsigned int index, unsigned int num);
long step_file(const char *name, int fd, const char *what, unsigned long request,
	       unsigned int index, int file, const char *file_name);
long step_addr(const char *name, int fd, const struct vhost_vring_addr *addr, const char *args);
long step_mem(const char *name, int fd, const struct vhost_memory *table, const char *args);
long step_worker(const char *name, int fd, const char *what, unsigned long request, unsigned int a,
		 unsigned int b);
void step_read(const char *name, int fd, size_t size);
void step_write(const char *name, int fd, const void *data, size_t size, const char *args);
void step_poll(const char *name, int fd, int timeout_ms);

#define STEP(name, fd, req, arg, args)        step_ioctl(name, fd, #req, req, arg, args)
#define STEP_VOID(name, fd, req)              step_ioctl(name, fd, #req, req, NULL, "")
#define STEP_U64(name, fd, req, value)        step_u64(name, fd, #req, req, value)
#define STEP_GET_U64(name, fd, req)           step_get_u64(name, fd, #req, req)
#define STEP_U8(name, fd, req, value)         step_u8(name, fd, #req, req, value)
#define STEP_STATE(name, fd, req, index, num) step_state(name, fd, #req, req, index, num)
#define STEP_FILE(name, fd, req, index, file, file_name) \
	step_file(name, fd, #req, req, index, file, file_name)
#define STEP_WORKER(name, fd, req, a, b) step_worker(name, fd, #req, req, a, b)

/* memory.c: memory of every quality an argument or a ring can point into. */
struct abi_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	char *buffers;
};

extern char *abi_guest; /* memory the guest's rings and buffers live in, at guest address 0 */
extern size_t abi_guest_size;
void *abi_bad_pointer(void);                        /* a page nothing is mapped at */
void *abi_kernel_pointer(void);                     /* an address of the kernel's half */
void *abi_read_only(const void *data, size_t size); /* copy of @data that cannot be written */
void *abi_edge(const void *data, size_t readable);  /* @data's start, then an unmapped page */
struct abi_ring abi_ring_memory(unsigned int index);

/* rig.c: a device with as much of a working set-up as a section asks for. Silent; dies on failure. */
struct abi_rig {
	int fd;
	int kick[ABI_QUEUES];
	int call[ABI_QUEUES];
	int err[ABI_QUEUES];
};

int abi_open(void);
int abi_tap(const char *name, int flags);
int abi_tap_up(const char *name);
void rig_open(struct abi_rig *rig);   /* node opened, nothing else */
void rig_owner(struct abi_rig *rig);  /* and owned */
void rig_memory(struct abi_rig *rig); /* and with a memory table */
void rig_features(struct abi_rig *rig, uint64_t features);
void rig_queue(struct abi_rig *rig, unsigned int index, unsigned int num); /* and a ring */
void rig_backend(struct abi_rig *rig, unsigned int index, int backend);
void rig_ready(struct abi_rig *rig, unsigned int num); /* all but the backends */
void rig_close(struct abi_rig *rig);
long rig_ioctl(struct abi_rig *rig, unsigned long request, void *arg);
struct vhost_vring_addr rig_addr(unsigned int index);
void rig_transmit(struct abi_rig *rig, unsigned int num, unsigned int slot);
int rig_wait_used(unsigned int index, unsigned int used);
int rig_signalled(int eventfd);
int rig_wait_signalled(int eventfd);

/* Files of every kind that is, or is not, an eventfd or a backend. */
struct abi_file {
	const char *name;
	int fd;
};

size_t abi_wrong_files(struct abi_file *files, size_t max);

/* The sections, in files named after them. */
void section_owner(void);
void section_other_process(void);
void section_unowned(void);
void section_features(void);
void section_features_array(void);
void section_backend_features(void);
void section_mem_table(void);
void section_mem_regions(void);
void section_vring_num(void);
void section_vring_base(void);
void section_vring_addr(void);
void section_vring_files(void);
void section_vring_misc(void);
void section_log(void);
void section_backend(void);
void section_backend_kinds(void);
void section_attach_memory(void);
void section_running(void);
void section_restart(void);
void section_reset(void);
void section_worker(void);
void section_worker_bad(void);
void section_worker_owner(void);
void section_worker_running(void);
void section_worker_dead(void);
void section_fork_owner(void);
void section_unknown(void);
void section_file(void);
void section_iotlb(void);

#endif
