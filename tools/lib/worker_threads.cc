// SPDX-License-Identifier: GPL-2.0-or-later
// Finds vhost workers in /proc and reads their schedstat.
#include "lib/worker_threads.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace ringtap {

namespace {

Result<std::string> slurp(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;

	text << file.rdbuf();
	if (!file)
		return fail(errno, "read", path, "is the worker gone?");
	return text.str();
}

} // namespace

std::vector<WorkerThread> worker_threads(int owner)
{
	return worker_threads_in({"/proc", fmt::format("/proc/{}/task", owner)}, owner);
}

std::vector<WorkerThread> worker_threads_in(const std::vector<std::string> &directories, int owner)
{
	std::string wanted = fmt::format("vhost-{}\n", owner);
	std::vector<WorkerThread> threads;
	std::error_code error;

	for (const std::string &where : directories)
		for (const auto &entry : std::filesystem::directory_iterator(where, error)) {
			std::string name = entry.path().filename();
			int tid = 0;

			if (std::from_chars(name.data(), name.data() + name.size(), tid).ec !=
			    std::errc())
				continue;
			auto comm = slurp(entry.path() / "comm");

			if (comm && *comm == wanted)
				threads.push_back({tid, entry.path()});
		}
	std::ranges::sort(threads, {}, &WorkerThread::tid);
	return threads;
}

Result<uint64_t> cpu_nanoseconds(const WorkerThread &thread)
{
	std::string text = TRY(slurp(thread.directory + "/schedstat"));
	uint64_t value = 0;

	if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
		return fail(EPROTO, "understand", thread.directory + "/schedstat",
			    "the kernel needs CONFIG_SCHED_INFO");
	return value;
}

// The state is the word behind the name, which is in parentheses.
Result<bool> is_asleep(const WorkerThread &thread)
{
	std::string text = TRY(slurp(thread.directory + "/stat"));
	size_t end = text.rfind(')');

	if (end == std::string::npos || end + 2 >= text.size())
		return fail(EPROTO, "understand", thread.directory + "/stat");
	return text[end + 2] == 'S' || text[end + 2] == 'I';
}

} // namespace ringtap
