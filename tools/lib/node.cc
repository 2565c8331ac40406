// SPDX-License-Identifier: GPL-2.0-or-later
// The vhost-net node and the usual reasons for not getting it.
#include "lib/node.h"

#include <fstream>

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>

#include "lib/vhost_abi.h"

namespace ringtap {

namespace {

constexpr char stock_node[] = "/dev/vhost-net";

std::string load_hint(const std::string &path)
{
	std::string name;

	if (path == stock_node)
		return "load the stock module: modprobe vhost_net";
	if (std::ifstream("/sys/module/ringtap/parameters/node") >> name && "/dev/" + name != path)
		return fmt::format("ringtap is loaded and serves /dev/{}", name);
	return "load the module: modprobe ringtap, or insmod ringtap.ko where it is not installed";
}

std::string permission_hint(const std::string &path)
{
	struct stat st;

	if (::stat(path.c_str(), &st) < 0)
		return "see who may enter the directories above it";
	const group *owner = ::getgrgid(st.st_gid);

	if (owner && st.st_gid && (st.st_mode & 0060) == 0060)
		return fmt::format("join the group that may open it, and log in again: "
				   "usermod -aG {} $USER",
				   owner->gr_name);
	return fmt::format("install ringtap's udev rule, or: chgrp kvm {0} && chmod 0660 {0}",
			   path);
}

} // namespace

std::string node_hint(const std::string &path, int code)
{
	switch (code) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return load_hint(path);
	case EACCES:
		return permission_hint(path);
	case EPERM:
		return "the container or control group does not allow this device";
	case EMFILE:
		return "raise the limit of open files: ulimit -n";
	default:
		return {};
	}
}

Result<Fd> open_node(const std::string &path)
{
	uint64_t features;
	Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));

	if (!fd) {
		int code = errno; // looking for the hint changes errno

		return fail(code, "open", path, node_hint(path, code));
	}
	if (::ioctl(fd.get(), VHOST_GET_FEATURES, &features) < 0)
		return fail(errno, "ask for the vhost features of", path,
			    "is it a vhost-net device? The usual ones are /dev/vhost-ringtap and "
			    "/dev/vhost-net");
	return fd;
}

} // namespace ringtap
