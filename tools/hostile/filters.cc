// SPDX-License-Identifier: GPL-2.0-or-later
// Filters that a VMM sets on a backend: what they drop or cut, the device does not see otherwise.
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "hostile/backends.h"
#include "hostile/bpf.h"

namespace ringtap {

namespace {

constexpr uint16_t marked = Rig::raw_ethertype;

// The ways to set one, by who runs it.
Result<Done> set_tap_filter(const Wire &wire, const FilterRule *rule)
{
	std::vector<sock_filter> program;
	sock_fprog filter{};

	if (!rule) {
		if (::ioctl(wire.end().get(), TUNDETACHFILTER, &filter) < 0)
			return fail(errno, "take away", "a TAP's filter");
		return Done{};
	}
	program = classic_filter(*rule);
	filter.len = uint16_t(program.size());
	filter.filter = program.data();
	if (::ioctl(wire.end().get(), TUNATTACHFILTER, &filter) < 0)
		return fail(errno, "give a TAP", "a filter");
	return Done{};
}

Result<Done> set_tap_program(const Wire &wire, const FilterRule *rule)
{
	Fd program = rule ? TRY(load_filter(*rule)) : Fd();

	return set_tun_program(wire.end(), TunProgram::filter, program);
}

Result<Done> set_socket_filter(const Wire &wire, const FilterRule *rule)
{
	std::vector<sock_filter> program;
	sock_fprog filter{};
	int nothing = 0;

	if (rule) {
		program = classic_filter(*rule);
		filter.len = uint16_t(program.size());
		filter.filter = program.data();
	}
	if (rule ? ::setsockopt(wire.end().get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter,
				sizeof(filter))
		 : ::setsockopt(wire.end().get(), SOL_SOCKET, SO_DETACH_FILTER, &nothing,
				sizeof(nothing)))
		return fail(errno, "filter", "a packet socket");
	return Done{};
}

Result<Done> set_socket_program(const Wire &wire, const FilterRule *rule)
{
	if (!rule)
		return set_socket_filter(wire, nullptr);

	Fd program = TRY(load_filter(*rule));
	int fd = program.get();

	if (::setsockopt(wire.end().get(), SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)) < 0)
		return fail(errno, "give a packet socket", "a program");
	return Done{};
}

using SetFilter = Result<Done> (*)(const Wire &wire, const FilterRule *rule);

// Marked frames, each behind one that is not, come as the filter says, and the others whole.
Result<Done> filtered(Pair &pair, const Wire &wire, unsigned kept)
{
	constexpr unsigned rounds = 30;
	PacketSocket far = TRY(wire.socket(marked));
	std::vector<std::vector<uint8_t>> expected;
	unsigned size = 0;

	TRY(pair.mark());
	for (unsigned i = 0; i < rounds; i++) {
		std::vector<uint8_t> frame = raw_frame(200 + i, i), other = frame;

		other[13]++;
		TRY(expect(TRY(far.send({}, frame)), "a marked frame sent"));
		TRY(expect(TRY(far.send({}, other)), "another frame sent"));
		if (kept) {
			size = std::min<unsigned>(frame.size(), kept);
			expected.emplace_back(frame.begin(), frame.begin() + size);
		}
		expected.push_back(other);
	}

	std::vector<std::vector<uint8_t>> got = TRY(pair.receive_until(expected.back()));

	got.push_back(expected.back());
	TRY(expect(got == expected,
		   fmt::format("the {} frames that {} bytes are kept of, there are {}",
			       expected.size(), kept, got.size())));
	TRY(pair.expect_count("rx.packets", expected.size()));
	return pair.expect_count("rx.drop_", 0);
}

// Set, set anew and taken away while the device has the backend; what the guest sends passes.
template <SetFilter set>
Result<Done> filter_test(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));

	for (unsigned kept : {0u, 100u, 14u, 10u, 1u, 0x40000u}) {
		FilterRule rule{marked, kept};

		TRY(set(wire, &rule));
		TRY(filtered(pair, wire, kept));
		TRY(pair.verify(far, 50));
	}
	TRY(set(wire, nullptr));
	return filtered(pair, wire, 0x40000);
}

} // namespace

void add_filters(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		PairOptions pair{.node = node, .layout = layout};
		WireOptions tap, socket{.name = "a packet socket",
					.kind = WireOptions::Kind::packet,
					.header = 0};

		add_backend_test(tests, {pair, tap}, "a filter on the TAP (TUNATTACHFILTER)",
				 filter_test<set_tap_filter>);
		add_backend_test(tests, {pair, tap}, "a program on the TAP (TUNSETFILTEREBPF)",
				 filter_test<set_tap_program>);
		add_backend_test(tests, {pair, socket}, "a filter on the socket",
				 filter_test<set_socket_filter>);
		add_backend_test(tests, {pair, socket}, "a program on the socket",
				 filter_test<set_socket_program>);
	}
}

} // namespace ringtap
