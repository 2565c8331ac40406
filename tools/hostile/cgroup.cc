// SPDX-License-Identifier: GPL-2.0-or-later
// Control groups by their files.
#include "hostile/cgroup.h"

#include <chrono>
#include <fstream>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr const char *root = "/sys/fs/cgroup";

Result<Done> write_word(const std::string &path, const std::string &word)
{
	std::ofstream file(path);

	errno = 0;
	file << word << std::flush;
	if (!file)
		return fail(errno, "write", fmt::format("{} to {}", word, path));
	return Done{};
}

} // namespace

Result<std::unique_ptr<Cgroup>> Cgroup::make(const std::string &name)
{
	std::unique_ptr<Cgroup> self(new Cgroup("/" + name));

	if (::access((std::string(root) + "/cgroup.controllers").c_str(), F_OK) < 0)
		return fail(ENOTSUP, "use", root, "no cgroup v2 is mounted there");
	(void)write_word(std::string(root) + "/cgroup.subtree_control", "+memory");
	// A run that was killed may have left one.
	if (::mkdir(self->path("").c_str(), 0755) < 0 && errno != EEXIST)
		return fail(errno, "make", self->path(""));
	if (::access(self->path("memory.max").c_str(), W_OK) < 0)
		return fail(ENOTSUP, "use", self->path("memory.max"),
			    "needs the memory controller");
	return self;
}

Cgroup::~Cgroup()
{
	// Who was killed in it may still be on the way out.
	for (int tries = 0; tries < 1000 && ::rmdir(path("").c_str()) < 0 && errno == EBUSY;
	     tries++)
		::poll(nullptr, 0, 5);
}

std::string Cgroup::path(const std::string &file) const
{
	return root + name_ + "/" + file;
}

Result<Done> Cgroup::add(pid_t pid) const
{
	return write_word(path("cgroup.procs"), std::to_string(pid));
}

Result<Done> Cgroup::set(const std::string &file, const std::string &word) const
{
	return write_word(path(file), word);
}

Result<uint64_t> Cgroup::get(const std::string &file, const std::string &key) const
{
	std::ifstream in(path(file));
	std::string word;
	uint64_t value = 0;

	if (key.empty()) {
		if (in >> value)
			return value;
	} else {
		while (in >> word >> value)
			if (word == key)
				return value;
	}
	return fail(ENOTSUP, "read", fmt::format("{} in {}", key, path(file)),
		    "this kernel does not tell");
}

} // namespace ringtap
