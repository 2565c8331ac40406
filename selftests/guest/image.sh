#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the test guest, an uncompressed kernel and a small initramfs, and prints its directory.
#
#	image.sh SERIES		of a kernel series in the cache, which vm/fetch.sh fills
#	image.sh host		of the kernel that this machine runs
set -euo pipefail

guest_dir=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=selftests/vm/common.sh
. "$guest_dir/../vm/common.sh"

helpers=${OUTPUT:-$repo/.build/selftests}
need=(virtio_pci virtio_net virtio_mem)

# find_kernel SERIES|host: sets vmlinuz, release, and root, below which its modules are.
find_kernel()
{
	local place

	if [[ $1 != host ]]; then
		check_series "$1"
		root=$(kernel_root "$1")
		[[ -s $root/release ]] || "$vm_dir/fetch.sh" "$1"
		vmlinuz=$root/vmlinuz release=$(kernel_release "$1")
		return
	fi
	root=/ release=$(uname -r)
	for place in "/boot/vmlinuz-$release" "/usr/lib/modules/$release/vmlinuz" \
		"$cache"/kernels/*/"boot/vmlinuz-$release" "$cache"/kernels/*/vmlinuz; do
		if [[ -r $place ]] && is_kernel "$place"; then
			vmlinuz=$place
			return
		fi
	done
	die "no image of the running kernel, $release, is readable in /boot"
}

# field OFFSET SIZE: a number in the kernel's boot header.
field()
{
	od -An "-tu$2" -j "$1" -N "$2" "$vmlinuz" | tr -d ' '
}

# is_kernel FILE: whether its header names the release that is wanted.
is_kernel()
{
	local vmlinuz=$1 offset

	offset=$(field $((0x20e)) 2)
	[[ $(dd if="$1" iflag=skip_bytes skip=$((offset + 0x200)) bs=256 count=1 status=none |
		tr '\0' '\n' | sed -n 1p) == "$release "* ]]
}

# unpack_kernel FILE: what the boot header says is the payload; starting it saves seconds of
# decompressing under emulation.
unpack_kernel()
{
	local start size magic

	start=$(((($(field $((0x1f1)) 1) + 1) * 512) + $(field $((0x248)) 4)))
	size=$(field $((0x24c)) 4)
	magic=$(od -An -tx1 -j "$start" -N 4 "$vmlinuz" | tr -d ' ')
	case $magic in
	fd377a58) need_programs xz-utils:xz && set -- "$1" xz ;;
	28b52ffd) need_programs zstd:zstd && set -- "$1" zstd ;;
	1f8b*) set -- "$1" gzip ;;
	*) die "$vmlinuz: a kernel packed in an unknown way ($magic)" ;;
	esac
	# The last four bytes are the unpacked size.
	dd if="$vmlinuz" iflag=skip_bytes,count_bytes bs=1M skip="$start" count=$((size - 4)) \
		status=none | "$2" -dcq >"$1"
}

# unpack_modules DIRECTORY: the needed modules, uncompressed, and their order.
unpack_modules()
{
	local file name

	modprobe -S "$release" -d "$root" --show-depends -a "${need[@]}" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r file; do
			name=$(basename "$file")
			case $file in
			*.xz) xz -dc "$file" >"$1/${name%.xz}" ;;
			*.zst) zstd -dcq "$file" >"$1/${name%.zst}" ;;
			*) cp "$file" "$1/$name" ;;
			esac
			echo "${name%%.ko*}.ko" >>"$1/order"
		done
	touch "$1/order"
}

build_traffic()
{
	[[ ! -x $helpers/traffic || $guest_dir/traffic.cc -nt $helpers/traffic ||
		$guest_dir/sha256.h -nt $helpers/traffic ]] || return 0
	need_programs g++:g++
	mkdir -p "$helpers"
	g++ -std=c++20 -O2 -Wall -Wextra -static -o "$helpers/.traffic.$$" "$guest_dir/traffic.cc"
	mv "$helpers/.traffic.$$" "$helpers/traffic"
}

fill()
{
	local dir=$1

	mkdir -p "$dir"/{bin,mod}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	ln -s busybox "$dir/bin/sh"
	install -m 755 "$guest_dir/init" "$dir/init"
	install -m 755 "$guest_dir"/{net_up,rebind} "$helpers/traffic" "$dir/bin/"
	unpack_modules "$dir/mod"
}

make_image()
{
	local image=$1 tmp

	if [[ -s $image/initramfs ]]; then
		touch "$image"
		return
	fi
	mkdir -p "$cache/tmp" "$(dirname "$image")"
	tmp=$(mktemp -d "$cache/tmp/guest.XXXXXX")
	unpack_kernel "$tmp/vmlinux"
	fill "$tmp/tree"
	(cd "$tmp/tree" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) >"$tmp/initramfs"
	rm -rf "$tmp/tree"
	# Another tree's may be in use.
	find "${image%/*}" -maxdepth 1 -name "$release-*" -mmin +1440 -exec rm -rf {} +
	mv "$tmp" "$image"
}

main()
{
	local vmlinuz='' release='' root='' hash

	need_programs busybox-static:busybox cpio:cpio kmod:modprobe
	find_kernel "${1:?"kernel series, or host"}"
	build_traffic
	hash=$(cat "$guest_dir"/{image.sh,init,net_up,rebind} "$helpers/traffic" "$(command -v busybox)" |
		sha256sum | cut -c 1-16)
	with_lock guest make_image "$cache/guest/$release-$hash"
	printf '%s\n' "$cache/guest/$release-$hash"
}

main "$@"
