// SPDX-License-Identifier: GPL-2.0-or-later
// Typed vhost ioctls: a Request binds a number to its argument, so that a mismatch cannot compile.
#pragma once

#include <functional>
#include <string>

#include "lib/fd.h"
#include "lib/result.h"
#include "lib/vhost_abi.h"

namespace ringtap {

// Which way the argument travels, by behaviour: the uapi declares some two-way ioctls as _IOW.
enum class Flow { none, to_kernel, from_kernel, both };

struct NoArgument {};

// One ioctl. Words puts an argument into words for traces and errors.
template <class Arg, Flow flow>
struct Request {
	unsigned long number;
	const char *name;
	std::string (*words)(const Arg &arg);
};

template <class Arg>
using WriteRequest = Request<Arg, Flow::to_kernel>;
template <class Arg>
using ReadRequest = Request<Arg, Flow::from_kernel>;
template <class Arg>
using UpdateRequest = Request<Arg, Flow::both>;
using PlainRequest = Request<NoArgument, Flow::none>;

// Called after each ioctl with its name, its argument in words, and errno or 0.
using Trace = std::function<void(const char *name, const std::string &words, int error)>;

// Arguments in words.
std::string words_of_nothing(const NoArgument &arg);
std::string words_of_features(const uint64_t &features);
std::string words_of_features_array(const vhost_features_array &array);
std::string words_of_backend_features(const uint64_t &features);
std::string words_of_memory(const vhost_memory &memory);
std::string words_of_address(const uint64_t &address);
std::string words_of_fd(const int &fd);
std::string words_of_vring_num(const vhost_vring_state &state);
std::string words_of_vring_base(const vhost_vring_state &state);
std::string words_of_vring_endian(const vhost_vring_state &state);
std::string words_of_vring_time(const vhost_vring_state &state);
std::string words_of_vring_addr(const vhost_vring_addr &addr);
std::string words_of_vring_fd(const vhost_vring_file &file);
std::string words_of_worker(const vhost_worker_state &state);
std::string words_of_vring_worker(const vhost_vring_worker &worker);
std::string words_of_fork_owner(const uint8_t &mode);

// All ioctls of a vhost-net node.
namespace vhost_ioctl {

// The size in an ioctl's number must be its argument's, or the table below is wrong.
template <class Arg, Flow flow>
consteval Request<Arg, flow> make(unsigned long number, const char *name,
				  std::string (*words)(const Arg &))
{
	if (_IOC_TYPE(number) != VHOST_VIRTIO ||
	    _IOC_SIZE(number) != (flow == Flow::none ? 0 : sizeof(Arg)))
		throw "argument type does not fit the ioctl number";
	return {number, name, words};
}

#define RINGTAP_IOCTL(identifier, arg, flow, number, words) \
	inline constexpr auto identifier = make<arg, Flow::flow>(number, #number, words)

RINGTAP_IOCTL(get_features, uint64_t, from_kernel, VHOST_GET_FEATURES, words_of_features);
RINGTAP_IOCTL(set_features, uint64_t, to_kernel, VHOST_SET_FEATURES, words_of_features);
RINGTAP_IOCTL(set_owner, NoArgument, none, VHOST_SET_OWNER, words_of_nothing);
RINGTAP_IOCTL(reset_owner, NoArgument, none, VHOST_RESET_OWNER, words_of_nothing);
RINGTAP_IOCTL(set_mem_table, vhost_memory, to_kernel, VHOST_SET_MEM_TABLE, words_of_memory);
RINGTAP_IOCTL(set_log_base, uint64_t, to_kernel, VHOST_SET_LOG_BASE, words_of_address);
RINGTAP_IOCTL(set_log_fd, int, to_kernel, VHOST_SET_LOG_FD, words_of_fd);
RINGTAP_IOCTL(new_worker, vhost_worker_state, from_kernel, VHOST_NEW_WORKER, words_of_worker);
RINGTAP_IOCTL(free_worker, vhost_worker_state, to_kernel, VHOST_FREE_WORKER, words_of_worker);
RINGTAP_IOCTL(set_vring_num, vhost_vring_state, to_kernel, VHOST_SET_VRING_NUM, words_of_vring_num);
RINGTAP_IOCTL(set_vring_addr, vhost_vring_addr, to_kernel, VHOST_SET_VRING_ADDR,
	      words_of_vring_addr);
RINGTAP_IOCTL(set_vring_base, vhost_vring_state, to_kernel, VHOST_SET_VRING_BASE,
	      words_of_vring_base);
RINGTAP_IOCTL(get_vring_base, vhost_vring_state, both, VHOST_GET_VRING_BASE, words_of_vring_base);
RINGTAP_IOCTL(set_vring_endian, vhost_vring_state, to_kernel, VHOST_SET_VRING_ENDIAN,
	      words_of_vring_endian);
RINGTAP_IOCTL(get_vring_endian, vhost_vring_state, both, VHOST_GET_VRING_ENDIAN,
	      words_of_vring_endian);
RINGTAP_IOCTL(attach_vring_worker, vhost_vring_worker, to_kernel, VHOST_ATTACH_VRING_WORKER,
	      words_of_vring_worker);
RINGTAP_IOCTL(get_vring_worker, vhost_vring_worker, both, VHOST_GET_VRING_WORKER,
	      words_of_vring_worker);
RINGTAP_IOCTL(set_vring_kick, vhost_vring_file, to_kernel, VHOST_SET_VRING_KICK, words_of_vring_fd);
RINGTAP_IOCTL(set_vring_call, vhost_vring_file, to_kernel, VHOST_SET_VRING_CALL, words_of_vring_fd);
RINGTAP_IOCTL(set_vring_err, vhost_vring_file, to_kernel, VHOST_SET_VRING_ERR, words_of_vring_fd);
RINGTAP_IOCTL(set_busyloop_timeout, vhost_vring_state, to_kernel, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
	      words_of_vring_time);
RINGTAP_IOCTL(get_busyloop_timeout, vhost_vring_state, both, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	      words_of_vring_time);
RINGTAP_IOCTL(set_backend_features, uint64_t, to_kernel, VHOST_SET_BACKEND_FEATURES,
	      words_of_backend_features);
RINGTAP_IOCTL(get_backend_features, uint64_t, from_kernel, VHOST_GET_BACKEND_FEATURES,
	      words_of_backend_features);
RINGTAP_IOCTL(net_set_backend, vhost_vring_file, to_kernel, VHOST_NET_SET_BACKEND,
	      words_of_vring_fd);
RINGTAP_IOCTL(get_features_array, vhost_features_array, from_kernel, VHOST_GET_FEATURES_ARRAY,
	      words_of_features_array);
RINGTAP_IOCTL(set_features_array, vhost_features_array, to_kernel, VHOST_SET_FEATURES_ARRAY,
	      words_of_features_array);
RINGTAP_IOCTL(set_fork_from_owner, uint8_t, to_kernel, VHOST_SET_FORK_FROM_OWNER,
	      words_of_fork_owner);
RINGTAP_IOCTL(get_fork_from_owner, uint8_t, from_kernel, VHOST_GET_FORK_FROM_OWNER,
	      words_of_fork_owner);

#undef RINGTAP_IOCTL

} // namespace vhost_ioctl

// The argument in words; there is none yet where the kernel was to fill it in and did not.
template <class Arg, Flow flow>
std::string words_after(const Request<Arg, flow> &request, const Arg &arg, int error)
{
	return error && flow == Flow::from_kernel ? std::string() : request.words(arg);
}

// 0 or errno, after telling the trace. The argument may be longer than Arg (flexible arrays).
template <class Arg, Flow flow>
int issue(const Fd &fd, const Request<Arg, flow> &request, Arg &arg, const Trace &trace)
{
	int error = ::ioctl(fd.get(), request.number, &arg) < 0 ? errno : 0;

	if (trace)
		trace(request.name, words_after(request, arg, error), error);
	return error;
}

} // namespace ringtap
