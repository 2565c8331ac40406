# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# setup.sh - what a demo needs before it begins: packages, module, tool, VM (to be sourced).

: "${demo:?}"
# shellcheck source=selftests/demo/say.sh
. "$demo/say.sh"
# shellcheck source=selftests/vm/common.sh
. "$demo/../vm/common.sh"

# Bookworm's own compiler builds for this one.
series=${SERIES:-6.12}
log=$repo/.build/out/demo.log
mkdir -p "${log%/*}"

missing_packages()
{
	"$vm_dir/setup.sh" --dry-run build module vm zstd 2>&1 |
		sed -n 's/^apt-get install -y --no-install-recommends //p'
}

# announce WARM COLD: what will be downloaded, and how long it will take.
announce()
{
	local packages things=() time=$1

	packages=$(missing_packages)
	[[ -z $packages ]] || things+=("Debian packages: $packages")
	[[ -s $(kernel_root "$series")/release ]] ||
		things+=("Debian's kernel $series with its headers (140 MB, into $cache; nothing is installed)")
	((${#things[@]} == 0)) || time=$2
	if ((${#things[@]})); then
		echo "This downloads:"
		printf '  %s\n' "${things[@]}"
	else
		echo "Nothing to download."
	fi
	echo "It takes $time on two cores."
}

build_tool()
{
	if [[ ! -e $repo/.build/tools/CMakeCache.txt ]]; then
		cmake -S "$repo/tools" -B "$repo/.build/tools" -DRINGTAP_TESTS=OFF
	fi
	cmake --build "$repo/.build/tools" --target ringtap -j "$(nproc)"
}

# prepare_vm SERIES: all that the VM is booted with.
prepare_vm()
{
	head_line "Getting ready"
	step "packages" "$log" "$vm_dir/setup.sh" build module vm zstd
	step "kernel $1" "$log" "$vm_dir/fetch.sh" "$1"
	step "building ringtap.ko for $1" "$log" "$vm_dir/build.sh" "$1"
	step "building the ringtap command" "$log" build_tool
}

# host_ready [kvm]: this machine can do it itself, or says what it lacks.
host_ready()
{
	((EUID == 0)) || die "HOST=1 inserts a module: run it as root"
	if [[ ${1:-} == kvm && ! -e /dev/kvm ]]; then
		modprobe kvm-amd 2>/dev/null || modprobe kvm-intel 2>/dev/null || true
		[[ -e /dev/kvm ]] || die "HOST=1 needs /dev/kvm; without HOST=1 a VM is used"
	fi
	export RINGTAP_KO=${RINGTAP_KO:-$repo/.build/kmod-$(uname -r)/ringtap.ko}
	export RINGTAP=${RINGTAP:-$repo/.build/tools/ringtap}
	if [[ ! -e $RINGTAP_KO || ! -x $RINGTAP ]]; then
		head_line "Getting ready"
		step "building ringtap.ko and the ringtap command" "$log" make -C "$repo" all
	fi
}
