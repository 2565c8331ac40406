// SPDX-License-Identifier: GPL-2.0-or-later
// traffic: sends and receives checked TCP streams and counted UDP datagrams, in guest and host alike; sets how many
// queues a card uses.
//
// A receiver binds, then goes to the background, so whoever started it may start the sender at once;
// what it saw appears in its result file, whole, when it ends. A flow has no end
// but SIGUSR1: what it reports then is what it has sent. Receivers do not mind the signal.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sha256.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int buffer_bytes = 64 << 20;
constexpr int patience_ms = 60'000; // a peer that is silent for so long is gone
constexpr int quiet_ms = 500;       // after the last expected datagram: is there one too many?

[[noreturn]] void die(const char *what)
{
	std::perror(what);
	std::exit(1);
}

void must(bool good, const char *what)
{
	if (!good)
		die(what);
}

volatile std::sig_atomic_t told_to_end;

void end_when_told()
{
	struct sigaction action = {};

	action.sa_handler = [](int) { told_to_end = 1; };
	action.sa_flags = SA_RESTART;
	must(!sigaction(SIGUSR1, &action, nullptr), "sigaction");
}

double seconds_between(Clock::time_point start, Clock::time_point end)
{
	return std::max(std::chrono::duration<double>(end - start).count(), 1e-3);
}

double seconds_since(Clock::time_point start)
{
	return seconds_between(start, Clock::now());
}

// A stream of bytes that only its seed decides.
class Noise {
public:
	explicit Noise(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

	void fill(std::vector<uint8_t> &bytes)
	{
		for (size_t at = 0; at < bytes.size(); at += sizeof(state_)) {
			state_ ^= state_ << 13;
			state_ ^= state_ >> 7;
			state_ ^= state_ << 17;
			std::memcpy(&bytes[at], &state_,
				    std::min(sizeof(state_), bytes.size() - at));
		}
	}

private:
	uint64_t state_;
};

sockaddr_in address(const char *host, const char *port)
{
	sockaddr_in to = {};

	to.sin_family = AF_INET;
	to.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1) {
		std::fprintf(stderr, "traffic: not an IPv4 address: %s\n", host);
		std::exit(2);
	}
	return to;
}

int make_socket(int type)
{
	int fd = socket(AF_INET, type, 0), on = 1;

	must(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

int bound_socket(int type, const char *port)
{
	int fd = make_socket(type);
	sockaddr_in any = address("0.0.0.0", port);

	must(!bind(fd, reinterpret_cast<sockaddr *>(&any), sizeof(any)), "bind");
	return fd;
}

int connected_socket(int type, const char *host, const char *port)
{
	int fd = make_socket(type);
	sockaddr_in to = address(host, port);

	must(!connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)), "connect");
	return fd;
}

// The caller's process ends well; a child goes on without its terminal.
void go_on_in_background()
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid)
		_exit(0);
	setsid();
	std::signal(SIGUSR1, SIG_IGN);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		close(fd);
}

void publish(const std::string &path, const std::string &line)
{
	std::string partial = path + ".part";
	FILE *file = std::fopen(partial.c_str(), "w");

	must(file && std::fputs(line.c_str(), file) >= 0 && !std::fclose(file), "write result");
	must(!std::rename(partial.c_str(), path.c_str()), "rename result");
}

std::string stream_report(uint64_t bytes, double seconds, const std::string &sha256)
{
	char line[160];

	std::snprintf(line, sizeof(line), "bytes=%llu seconds=%.3f sha256=%s\n",
		      static_cast<unsigned long long>(bytes), seconds, sha256.c_str());
	return line;
}

bool readable(int fd, int timeout_ms)
{
	pollfd entry = {fd, POLLIN, 0};

	return poll(&entry, 1, timeout_ms) > 0;
}

void tcp_receive(char **args)
{
	int listener = bound_socket(SOCK_STREAM, args[0]);

	must(!listen(listener, 1), "listen");
	go_on_in_background();
	if (!readable(listener, patience_ms))
		return publish(args[1], "nobody connected\n");
	int fd = accept(listener, nullptr, nullptr);
	close(listener);
	auto start = Clock::now();
	std::vector<uint8_t> buffer(1 << 18);
	ringtap::Sha256 sum;
	uint64_t total = 0;

	while (readable(fd, patience_ms)) {
		ssize_t got = read(fd, buffer.data(), buffer.size());

		if (got <= 0)
			break;
		sum.add(buffer.data(), static_cast<size_t>(got));
		total += static_cast<uint64_t>(got);
	}
	publish(args[1], stream_report(total, seconds_since(start), sum.hex()));
}

// As many bytes as are left, with a pause after each buffer.
void send_stream(int fd, uint64_t left, const char *seed, useconds_t pause)
{
	uint64_t total = 0;
	Noise noise(std::strtoull(seed, nullptr, 0));
	std::vector<uint8_t> buffer(1 << 16);
	ringtap::Sha256 sum;
	auto start = Clock::now();

	while (left && !told_to_end) {
		size_t part = std::min<uint64_t>(left, buffer.size()), at = 0;

		noise.fill(buffer);
		sum.add(buffer.data(), part);
		while (at < part) {
			ssize_t put = send(fd, &buffer[at], part - at, MSG_NOSIGNAL);

			must(put > 0, "send");
			at += static_cast<size_t>(put);
		}
		left -= part;
		total += part;
		if (pause)
			usleep(pause);
	}
	must(!shutdown(fd, SHUT_WR), "shutdown");
	must(readable(fd, patience_ms) && read(fd, buffer.data(), 1) == 0, "wait for the peer");
	std::fputs(stream_report(total, seconds_since(start), sum.hex()).c_str(), stdout);
}

void tcp_send(char **args)
{
	int fd = connected_socket(SOCK_STREAM, args[0], args[1]);

	send_stream(fd, std::strtoull(args[2], nullptr, 0), args[3], 0);
}

// A stream that has no end but SIGUSR1, and leaves some of the processors to others.
void tcp_flow(char **args)
{
	constexpr useconds_t pause = 20'000;

	end_when_told();
	int fd = connected_socket(SOCK_STREAM, args[0], args[1]);

	send_stream(fd, std::numeric_limits<uint64_t>::max(), args[2], pause);
}

// A datagram carries its number, then bytes that only the number decides.
void compose(std::vector<uint8_t> &frame, uint64_t number, size_t size)
{
	frame.resize(size);
	Noise(number).fill(frame);
	std::memcpy(frame.data(), &number, sizeof(number));
}

constexpr size_t smallest = sizeof(uint64_t);

// SIZE as given, or from the smallest to a full Ethernet frame when it is 0.
size_t datagram_size(uint64_t number, size_t size)
{
	constexpr size_t largest = 1472;

	return size ? std::max(size, smallest) : smallest + number * 37 % (largest - smallest + 1);
}

void udp_receive(char **args)
{
	int fd = bound_socket(SOCK_DGRAM, args[0]), bytes = buffer_bytes;
	uint64_t expected = std::strtoull(args[1], nullptr, 0);
	uint64_t good = 0, again = 0, bad = 0, number;
	std::vector<uint8_t> got(1 << 16), want;
	std::vector<bool> seen(expected);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	go_on_in_background();
	Clock::time_point first = Clock::now(), last = first;
	while (readable(fd, good == expected ? quiet_ms : patience_ms / 6)) {
		ssize_t size = recv(fd, got.data(), got.size(), 0);

		last = Clock::now();
		if (!good)
			first = last;
		if (size < static_cast<ssize_t>(smallest)) {
			bad++;
			continue;
		}
		std::memcpy(&number, got.data(), sizeof(number));
		compose(want, number, static_cast<size_t>(size));
		if (number >= expected || !std::equal(want.begin(), want.end(), got.begin()))
			bad++;
		else if (seen[number])
			again++;
		else
			seen[number] = true, good++;
	}
	char line[120];

	std::snprintf(line, sizeof(line), "good=%llu again=%llu bad=%llu seconds=%.3f\n",
		      static_cast<unsigned long long>(good), static_cast<unsigned long long>(again),
		      static_cast<unsigned long long>(bad), seconds_between(first, last));
	publish(args[2], line);
}

// Datagrams as they come until PATIENCE seconds bring none: which numbers arrived is not asked, but what they carry.
void udp_watch(char **args)
{
	int fd = bound_socket(SOCK_DGRAM, args[0]);
	int patience = std::atoi(args[1]) * 1000;
	uint64_t good = 0, bad = 0, number;
	std::vector<uint8_t> got(1 << 16), want;

	go_on_in_background();
	while (readable(fd, patience)) {
		ssize_t size = recv(fd, got.data(), got.size(), 0);

		if (size >= static_cast<ssize_t>(smallest)) {
			std::memcpy(&number, got.data(), sizeof(number));
			compose(want, number, static_cast<size_t>(size));
		}
		if (size >= static_cast<ssize_t>(smallest) &&
		    std::equal(want.begin(), want.end(), got.begin()))
			good++;
		else
			bad++;
	}
	char line[80];

	std::snprintf(line, sizeof(line), "good=%llu bad=%llu\n",
		      static_cast<unsigned long long>(good), static_cast<unsigned long long>(bad));
	publish(args[2], line);
}

// A datagram each INTERVAL microseconds, whether there is a way to its end or not.
void udp_flow(char **args)
{
	end_when_told();
	int fd = make_socket(SOCK_DGRAM);
	sockaddr_in to = address(args[0], args[1]);
	auto interval = static_cast<useconds_t>(std::atoi(args[2]));
	uint64_t number = 0, sent = 0;
	std::vector<uint8_t> frame;

	for (; !told_to_end; number++) {
		compose(frame, number, datagram_size(number, 0));
		if (sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr *>(&to),
			   sizeof(to)) > 0)
			sent++;
		usleep(interval);
	}
	std::printf("sent=%llu\n", static_cast<unsigned long long>(sent));
}

void udp_send(char **args)
{
	int fd = connected_socket(SOCK_DGRAM, args[0], args[1]);
	uint64_t count = std::strtoull(args[2], nullptr, 0), bytes = 0;
	size_t size = std::strtoull(args[3], nullptr, 0);
	std::vector<uint8_t> frame;
	auto start = Clock::now();

	for (uint64_t number = 0; number < count; number++) {
		compose(frame, number, datagram_size(number, size));
		while (send(fd, frame.data(), frame.size(), 0) < 0)
			must(errno == ENOBUFS || errno == ECONNREFUSED, "send"); // nobody listens
		bytes += frame.size();
	}
	std::printf("sent=%llu bytes=%llu seconds=%.3f\n", static_cast<unsigned long long>(count),
		    static_cast<unsigned long long>(bytes), seconds_since(start));
}

// As ethtool -L INTERFACE combined COUNT.
void channels(char **args)
{
	int fd = make_socket(SOCK_DGRAM);
	ethtool_channels wanted = {};
	ifreq request = {};

	std::snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", args[0]);
	request.ifr_data = reinterpret_cast<char *>(&wanted);
	wanted.cmd = ETHTOOL_GCHANNELS;
	must(!ioctl(fd, SIOCETHTOOL, &request), "ETHTOOL_GCHANNELS");
	wanted.cmd = ETHTOOL_SCHANNELS;
	wanted.combined_count = static_cast<uint32_t>(std::atoi(args[1]));
	must(!ioctl(fd, SIOCETHTOOL, &request), "ETHTOOL_SCHANNELS");
	std::printf("combined=%u of %u\n", wanted.combined_count, wanted.max_combined);
}

struct Command {
	const char *name;
	int arguments;
	void (*run)(char **args);
	const char *help;
};

constexpr Command commands[] = {
	{"tcp-receive", 2, tcp_receive, "PORT RESULT"},
	{"tcp-send", 4, tcp_send, "ADDRESS PORT BYTES SEED"},
	{"tcp-flow", 3, tcp_flow, "ADDRESS PORT SEED"},
	{"udp-receive", 3, udp_receive, "PORT COUNT RESULT"},
	{"udp-send", 4, udp_send, "ADDRESS PORT COUNT SIZE"},
	{"udp-watch", 3, udp_watch, "PORT PATIENCE RESULT"},
	{"udp-flow", 3, udp_flow, "ADDRESS PORT INTERVAL"},
	{"channels", 2, channels, "INTERFACE COUNT"},
};

} // namespace

int main(int argc, char **argv)
{
	for (const Command &command : commands)
		if (argc == command.arguments + 2 && !std::strcmp(argv[1], command.name)) {
			command.run(argv + 2);
			return 0;
		}
	for (const Command &command : commands)
		std::fprintf(stderr, "usage: traffic %s %s\n", command.name, command.help);
	return 2;
}
