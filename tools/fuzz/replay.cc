// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a fuzz target over files, or over random inputs, without libFuzzer
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	std::ifstream in(path, std::ios::binary);
	if (!in) {
		std::fprintf(stderr, "%s: cannot be read\n", path);
		return 1;
	}
	std::vector<uint8_t> data{std::istreambuf_iterator<char>(in), {}};
	return LLVMFuzzerTestOneInput(data.data(), data.size());
}

int main(int argc, char **argv)
{
	const std::string runs_option = "-runs=", seed_option = "-seed=";
	unsigned long runs = 1000, seed = 1;
	bool files = false;
	for (int i = 1; i < argc; i++) {
		std::string arg = argv[i];
		if (arg.starts_with(runs_option)) {
			runs = std::strtoul(arg.c_str() + runs_option.size(), nullptr, 10);
		} else if (arg.starts_with(seed_option)) {
			seed = std::strtoul(arg.c_str() + seed_option.size(), nullptr, 10);
		} else if (!arg.starts_with("-")) { // libFuzzer has more options than we
			files = true;
			if (replay_file(argv[i]) != 0)
				return 1;
		}
	}
	if (files)
		return 0;
	std::mt19937_64 random(seed);
	std::vector<uint8_t> data;
	for (unsigned long i = 0; i < runs; i++) {
		data.resize(random() % 4096);
		for (uint8_t &byte : data)
			byte = static_cast<uint8_t>(random());
		LLVMFuzzerTestOneInput(data.data(), data.size());
	}
	std::printf("%lu inputs\n", runs);
	return 0;
}
