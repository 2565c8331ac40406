#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the initramfs with which vm.sh boots a series, and prints its path in the cache.
set -euo pipefail

# shellcheck source=selftests/vm/common.sh
. "$(dirname "$0")/common.sh"

need=(virtio_pci 9pnet_virtio 9p overlay)

# modules_in_order SERIES : the module files to insert, dependencies first.
modules_in_order()
{
	local m

	for m in "${need[@]}"; do
		modprobe -S "$(kernel_release "$1")" -d "$(kernel_root "$1")" --show-depends "$m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# fill SERIES DIRECTORY : the tree of the initramfs.
fill()
{
	local series=$1 dir=$2 file name

	mkdir -p "$dir"/{bin,dev,proc,sys,mod,lower,upper,out,new}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	ln -s busybox "$dir/bin/sh"
	install -m 755 "$vm_dir/init" "$dir/init"
	install -m 755 "$vm_dir/init-machine" "$dir/init-machine"
	while read -r file; do
		name=$(basename "${file%.xz}")
		case $file in
		*.xz) xz -dc "$file" >"$dir/mod/$name" ;;
		*) cp "$file" "$dir/mod/$name" ;;
		esac
		echo "$name" >>"$dir/mod/order"
	done < <(modules_in_order "$series")
	[[ -s $dir/mod/order ]] || die "no modules found for $series"
}

main()
{
	local series=$1 image tmp

	check_series "$series"
	need_programs busybox-static:busybox cpio:cpio kmod:modprobe
	image=$cache/kernels/$series/initramfs-$(cat "$vm_dir"/{init,init-machine,initramfs.sh} \
		"$(command -v busybox)" | sha256sum | cut -c 1-16)
	if [[ ! -s $image ]]; then
		tmp=$(mktemp -d "$cache/tmp/initramfs.XXXXXX")
		# shellcheck disable=SC2064 # expand now: tmp is local
		trap "rm -rf '$tmp'" EXIT
		mkdir "$tmp/tree"
		fill "$series" "$tmp/tree"
		(cd "$tmp/tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$tmp/image"
		rm -f "$cache/kernels/$series"/initramfs-*
		mv "$tmp/image" "$image"
	fi
	printf '%s\n' "$image"
}

main "$@"
