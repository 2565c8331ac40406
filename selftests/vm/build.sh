#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the module for a kernel series in .build/kmod-SERIES, from a copy of kmod/.
set -euo pipefail

# shellcheck source=selftests/vm/common.sh
. "$(dirname "$0")/common.sh"

usage()
{
	cat <<-EOF
	usage: ${0##*/} SERIES [MAKE-ARGUMENT...]

	SERIES is one of $all_series, 'arm64' (cross-compiled) or 'um' (User-Mode Linux).
	With KDIR= in the environment SERIES is a mere name for what is built there.
	MAKE-ARGUMENTs go to kbuild, as in W=1 C=2. The result is .build/kmod-SERIES/ringtap.ko
	EOF
}

# copy_source DIRECTORY : bring the copy up to date; objects of an earlier build stay.
copy_source()
{
	local from=${RINGTAP_KMOD:-$repo/kmod}

	mkdir -p "$1"
	rsync -a --delete --exclude='*.o' --exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' \
		--exclude='.*.cmd' --exclude='.*.d' --exclude='modules.order' --exclude='Module.symvers' \
		--exclude='.module-common*' --exclude='generated/' "$from/" "$1/"
	[[ ! -d $repo/include ]] || rsync -a --delete "$repo/include/" "$repo/.build/include/"
}

# kbuild MAKE-ARGUMENT... : plain build with this machine's compiler.
kbuild()
{
	make -C "$kdir" M="$dir" -j "$(nproc)" "$@" modules
}

# kbuild_chroot MAKE-ARGUMENT... : the same in the series' own chroot; mounts end with unshare.
kbuild_chroot()
{
	local root

	root=$(kernel_root "$series")/chroot
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private bash -euc '
		root=$1 build=$2; shift 2
		mkdir -p "$root$build"
		mount -t proc proc "$root/proc"
		mount --bind "$build" "$root$build"
		exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C \
			make "$@"' build "$root" "$repo/.build" \
		-C "/usr/src/linux-headers-$(kernel_release "$series")" M="$dir" -j "$(nproc)" "$@" modules
}

build()
{
	copy_source "$dir"
	case $series in
	arm64)
		need_programs gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc
		kdir=$(kernel_root arm64)/usr/src/linux-headers-$(kernel_release arm64)
		kbuild ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc "$@"
		;;
	um)
		kdir=$cache/uml-perf
		[[ -e $kdir/Module.symvers ]] || die "no User-Mode Linux tree in $kdir"
		kbuild ARCH=um "$@"
		;;
	7.3)
		[[ -z ${KDIR:-} ]] || die "KDIR cannot be given for 7.3: it is built in a chroot"
		kbuild_chroot "$@"
		;;
	*)
		kdir=${KDIR:-$(kernel_root "$series")/usr/src/linux-headers-$(kernel_release "$series")}
		kbuild "$@"
		;;
	esac
	[[ -s $dir/ringtap.ko ]] || die "no $dir/ringtap.ko after the build"
}

# Nothing to fetch where KDIR names the kernel to build for; the series is then a mere name.
fetch_kernel()
{
	[[ -z ${KDIR:-} ]] || return 0
	check_series "$series"
	"$vm_dir/fetch.sh" "$series"
}

main()
{
	[[ ${1:-} != -h && ${1:-} != --help && $# -gt 0 ]] || { usage >&2 && exit 2; }
	series=$1 dir=$repo/.build/kmod-$1
	shift
	need_programs make:make gcc:gcc-12 rsync:rsync
	case $series in
	um) ;;
	arm64) "$vm_dir/fetch.sh" arm64 ;;
	*) fetch_kernel ;;
	esac
	with_lock "build-$series-$(echo "$repo" | cksum | cut -d' ' -f1)" build "$@" >&2
}

main "$@"
