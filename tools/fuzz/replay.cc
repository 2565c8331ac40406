// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a fuzz target over files and directories of them, or over random inputs, without libFuzzer
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

// Most seconds that one input may take: a call that does not end is a failure, not a hang.
constexpr unsigned input_seconds = 60;

static void run(const std::vector<uint8_t> &data)
{
	alarm(input_seconds);
	LLVMFuzzerTestOneInput(data.data(), data.size());
}

static bool replay_file(const std::filesystem::path &path)
{
	std::ifstream in(path, std::ios::binary);
	if (!in) {
		std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
		return false;
	}
	run({std::istreambuf_iterator<char>(in), {}});
	return true;
}

// The number of files; -1 if one cannot be read.
static long replay(const char *path)
{
	if (!std::filesystem::is_directory(path))
		return replay_file(path) ? 1 : -1;
	long files = 0;
	for (const auto &entry : std::filesystem::directory_iterator(path)) {
		if (!replay_file(entry.path()))
			return -1;
		files++;
	}
	return files;
}

int main(int argc, char **argv)
{
	const std::string runs_option = "-runs=", seed_option = "-seed=";
	unsigned long runs = 0, seed = 1;
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	long files = 0;
	for (int i = 1; i < argc; i++) {
		std::string arg = argv[i];
		if (arg.starts_with(runs_option)) {
			runs = std::strtoul(arg.c_str() + runs_option.size(), nullptr, 10);
		} else if (arg.starts_with(seed_option)) {
			seed = std::strtoul(arg.c_str() + seed_option.size(), nullptr, 10);
		} else if (!arg.starts_with("-")) { // libFuzzer has more options than we
			long n = replay(argv[i]);
			if (n <= 0) {
				std::fprintf(stderr, "%s: nothing to replay\n", argv[i]);
				return 1;
			}
			files += n;
		}
	}
	std::mt19937_64 random(seed);
	std::vector<uint8_t> data;
	for (unsigned long i = 0; i < runs; i++) {
		data.resize(random() % 4096);
		for (uint8_t &byte : data)
			byte = static_cast<uint8_t>(random());
		run(data);
	}
	std::printf("%ld files, %lu random inputs\n", files, runs);
	return 0;
}
