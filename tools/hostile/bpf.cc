// SPDX-License-Identifier: GPL-2.0-or-later
// Writes filters in instructions: there are few.
#include "hostile/bpf.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

namespace ringtap {

namespace {

constexpr int whole = 0x40000; // more bytes than a frame has
constexpr int type_at = 2 * ETH_ALEN;

bpf_insn instruction(int code, int to, int from, int offset, int value)
{
	bpf_insn made{};

	made.code = uint8_t(code);
	made.dst_reg = uint8_t(to);
	made.src_reg = uint8_t(from);
	made.off = int16_t(offset);
	made.imm = value;
	return made;
}

} // namespace

std::vector<sock_filter> classic_filter(const FilterRule &rule)
{
	return {
		{BPF_LD | BPF_H | BPF_ABS, 0, 0, type_at},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, rule.ethertype},
		{BPF_RET | BPF_K, 0, 0, rule.answer},
		{BPF_RET | BPF_K, 0, 0, whole},
	};
}

Result<Fd> load_filter(const FilterRule &rule)
{
	const int move = BPF_ALU64 | BPF_MOV, leave = BPF_JMP | BPF_EXIT;
	std::vector<bpf_insn> program;
	bpf_attr load{};

	if (rule.ethertype)
		program = {
			instruction(move | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0), // what LD_ABS reads
			instruction(BPF_LD | BPF_H | BPF_ABS, 0, 0, 0, type_at),
			instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, rule.ethertype),
			instruction(move | BPF_K, BPF_REG_0, 0, 0, whole),
			instruction(leave, 0, 0, 0, 0),
		};
	program.push_back(instruction(move | BPF_K, BPF_REG_0, 0, 0, int(rule.answer)));
	program.push_back(instruction(leave, 0, 0, 0, 0));
	load.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	load.insn_cnt = program.size();
	load.insns = reinterpret_cast<uintptr_t>(program.data());
	load.license = reinterpret_cast<uintptr_t>("GPL");

	Fd fd(int(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load))));

	if (!fd)
		return fail(errno == EPERM || errno == ENOSYS ? ENOTSUP : errno, "load",
			    "a socket filter", "no BPF here");
	return fd;
}

Result<Done> set_tun_program(const Fd &tap, TunProgram which, const Fd &program)
{
	int fd = program.get();

	if (::ioctl(tap.get(), which == TunProgram::filter ? TUNSETFILTEREBPF : TUNSETSTEERINGEBPF,
		    &fd) < 0)
		return fail(errno, "give a TAP", "a program");
	return Done{};
}

Result<Done> steer_tap(const Fd &tap, unsigned queue)
{
	Fd program = TRY(load_filter({.answer = queue}));

	return set_tun_program(tap, TunProgram::steering, program);
}

} // namespace ringtap
