// SPDX-License-Identifier: GPL-2.0-or-later
// abi.c - print what a vhost-net node answers to every ioctl, so that two nodes can be compared.
//
//	vhost_abi NODE [SECTION...]
//	vhost_abi --list
//
// Each section runs in a child and a network namespace of its own, so one cannot colour the next.
// Nothing that differs from run to run is printed: no addresses, descriptors, ids or times.

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"

const char *abi_node;
static const char *current_section = "";

static const struct abi_section sections[] = {
	{"owner", section_owner},
	{"other-process", section_other_process},
	{"unowned", section_unowned},
	{"features", section_features},
	{"features-array", section_features_array},
	{"backend-features", section_backend_features},
	{"mem-table", section_mem_table},
	{"mem-regions", section_mem_regions},
	{"vring-num", section_vring_num},
	{"vring-base", section_vring_base},
	{"vring-addr", section_vring_addr},
	{"vring-files", section_vring_files},
	{"vring-misc", section_vring_misc},
	{"log", section_log},
	{"backend", section_backend},
	{"backend-kinds", section_backend_kinds},
	{"attach-memory", section_attach_memory},
	{"running", section_running},
	{"restart", section_restart},
	{"reset", section_reset},
	{"worker", section_worker},
	{"worker-bad", section_worker_bad},
	{"worker-owner", section_worker_owner},
	{"worker-running", section_worker_running},
	{"worker-dead", section_worker_dead},
	{"fork-owner", section_fork_owner},
	{"unknown", section_unknown},
	{"file", section_file},
	{"iotlb", section_iotlb},
};

#define SECTION_COUNT   (sizeof(sections) / sizeof(sections[0]))
#define SECTION_SECONDS 60

/* By how much the machine is slower than most: selftests/lib.sh. */
int abi_slow(void)
{
	const char *slow = getenv("RTAP_SLOW");

	return slow && atoi(slow) > 0 ? atoi(slow) : 1;
}

/* Print one step; @error counts only when @ret is negative, @data may be NULL. */
void abi_line(const char *name, const char *what, const char *args, long ret, int error,
	      const char *data)
{
	printf("%s/%s: %s(%s) -> %ld", current_section, name, what, args, ret);
	if (ret < 0)
		printf(" %s", strerrorname_np(error) ?: "E?");
	if (data && *data)
		printf(" [%s]", data);
	printf("\n");
	fflush(stdout);
}

/* Print something observed that is not the answer to a call. */
void abi_fact(const char *name, const char *format, ...)
{
	va_list args;

	printf("%s/%s: ", current_section, name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* Set-up that a section relies on failed: say so in the transcript and end the section. */
void abi_die(const char *format, ...)
{
	int error = errno;
	va_list args;

	printf("%s/DIED: ", current_section);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(": %s\n", strerrorname_np(error) ?: "E?");
	fflush(stdout);
	_exit(2);
}

/* Format a step's name; a few of the latest results stay valid. */
const char *abi_name(const char *format, ...)
{
	static char names[8][160];
	static unsigned int next;
	char *name = names[next++ % 8];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(names[0]), format, args);
	va_end(args);
	return name;
}

static int run_section(const struct abi_section *section)
{
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		return 1;
	}
	if (pid == 0) {
		current_section = section->name;
		alarm(SECTION_SECONDS * abi_slow());
		if (unshare(CLONE_NEWNET))
			abi_die("unshare(CLONE_NEWNET)");
		section->run();
		exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		printf("%s/KILLED: signal %d\n", section->name, WTERMSIG(status));
	fflush(stdout);
	return status != 0;
}

static int is_wanted(const char *name, int argc, char **argv)
{
	int i;

	if (!argc)
		return 1;
	for (i = 0; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (i = 0; i < SECTION_COUNT; i++)
			puts(sections[i].name);
		return 0;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: %s NODE [SECTION...] | --list\n", argv[0]);
		return 2;
	}
	abi_node = argv[1];
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < SECTION_COUNT; i++)
		if (is_wanted(sections[i].name, argc - 2, argv + 2))
			failed |= run_section(&sections[i]);
	return failed;
}
