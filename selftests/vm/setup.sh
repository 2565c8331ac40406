#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Finds which Debian packages are missing for a purpose, and installs them or prints the apt line.
set -euo pipefail

build=(make g++ cmake pkg-config libcli11-dev libfmt-dev nlohmann-json3-dev libexpected-dev
	libnl-3-dev libnl-route-3-dev libnl-genl-3-dev)
module=(make gcc gcc-12 libc6-dev libelf1 rsync kmod bc util-linux)
vm=(qemu-system-x86 busybox-static cpio xz-utils kmod mmdebstrap debian-archive-keyring rsync
	iproute2 iputils-ping ethtool socat tcpdump procps python3 python3-yaml
	python3-jsonschema zstd linux-perf trace-cmd)
check=(libgtest-dev libgmock-dev libfuse3-dev clang llvm libclang-rt-dev clang-format clang-tidy sparse shellcheck codespell perl
	gcc-aarch64-linux-gnu gcc-12-multilib libc6-dev-i386 pahole man-db python3-docutils git file
	python3-yaml python3-jsonschema bpftrace)
bench=(flex bison libbenchmark-dev)
debug=(flex bison bc libelf-dev xz-utils)

usage()
{
	cat <<-EOF
	usage: ${0##*/} [--dry-run] build|module|vm|check|bench|debug|all... [PACKAGE...]

	Installs what is missing. With --dry-run, or without the right to install, it prints
	the one apt line to run, and fails if something is missing.
	EOF
}

# Words that are not installed, once each.
missing()
{
	printf '%s\n' "$@" | sort -u | while read -r package; do
		dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || printf '%s ' "$package"
	done
}

# install PACKAGE... : as root, or through sudo if it asks nothing.
install()
{
	local sudo=()

	if ((EUID != 0)); then
		sudo -n true 2>/dev/null || return 1
		sudo=(sudo -n)
	fi
	export DEBIAN_FRONTEND=noninteractive
	"${sudo[@]}" apt-get -o DPkg::Lock::Timeout=600 -qq update >&2 || return 1
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Use-Pty=0 -q install -y --no-install-recommends "$@" >&2
}

main()
{
	local dry='' want=() lacking

	while (($# > 0)); do
		case $1 in
		--dry-run) dry=1 ;;
		build) want+=("${build[@]}") ;;
		module) want+=("${module[@]}") ;;
		vm) want+=("${vm[@]}") ;;
		check) want+=("${check[@]}") ;;
		bench) want+=("${bench[@]}") ;;
		debug) want+=("${debug[@]}") ;;
		all) want+=("${build[@]}" "${module[@]}" "${vm[@]}" "${check[@]}" "${bench[@]}") ;;
		-*) usage >&2 && exit 2 ;;
		*) want+=("$1") ;;
		esac
		shift
	done
	((${#want[@]} > 0)) || { usage >&2 && exit 2; }
	command -v dpkg-query >/dev/null || {
		echo "not a Debian system; needed are the equivalents of: ${want[*]}" >&2
		exit 0
	}
	lacking=$(missing "${want[@]}")
	[[ -n $lacking ]] || exit 0
	if [[ -z $dry ]]; then
		echo "installing: $lacking" >&2
		# shellcheck disable=SC2086 # a list of words
		install $lacking && exit 0
	fi
	echo "packages are missing; as root, run:" >&2
	echo "apt-get install -y --no-install-recommends ${lacking% }" >&2
	exit 1
}

main "$@"
