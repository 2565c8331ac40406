// SPDX-License-Identifier: GPL-2.0-or-later
// Host: reads what a machine says of itself, or what a directory that stands for one does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/result.h"

namespace ringtap {

// Where a kernel module stands.
enum class ModuleState {
	missing, // neither in the kernel nor installed for it
	installed,
	loaded,
	builtin,
};

struct Host {
	std::string root;    // goes before every path; empty for this machine
	std::string release; // of the kernel, "6.1.0-40-amd64"
	std::string machine; // "x86_64"
	std::string path;    // $PATH
	uid_t uid = 0;
	std::vector<gid_t> groups;
	uint64_t capabilities = 0; // effective, one bit each
	rlim_t files = RLIM_INFINITY, threads = RLIM_INFINITY, locked = RLIM_INFINITY;

	// These two reach outside of files; tests put their own here.
	std::function<Result<Done>(const std::string &path)> open_node;  // any device
	std::function<Result<Done>(const std::string &path)> open_vhost; // a vhost-net device
	std::function<Result<std::string>(const std::string &path)> version_of; // "PATH --version"

	// This machine and this process.
	[[nodiscard]] static Host here();

	[[nodiscard]] bool exists(const std::string &path) const;
	[[nodiscard]] std::optional<struct stat> status(const std::string &path) const;
	// First line without its end; nothing where the file cannot be read.
	[[nodiscard]] std::optional<std::string> line(const std::string &path) const;
	[[nodiscard]] std::vector<std::string> lines(const std::string &path) const;
	[[nodiscard]] std::optional<std::string> text(const std::string &path) const;

	[[nodiscard]] ModuleState module(const std::string &name) const;
	// The module's file for this kernel, relative to the root; empty where it is not installed.
	[[nodiscard]] std::string module_file(const std::string &name) const;
	[[nodiscard]] std::optional<std::string> parameter(const std::string &module,
							   const std::string &name) const;
	// What modprobe.d gives a module when it is loaded: the value of the last "name=value".
	[[nodiscard]] std::optional<std::string> configured(const std::string &module,
							    const std::string &name) const;
	[[nodiscard]] std::optional<gid_t> group(const std::string &name) const;
	[[nodiscard]] std::string group_name(gid_t gid) const;
	[[nodiscard]] bool in_group(gid_t gid) const;
	// A program along the PATH, relative to the root.
	[[nodiscard]] std::optional<std::string> program(const std::string &name) const;
};

} // namespace ringtap
