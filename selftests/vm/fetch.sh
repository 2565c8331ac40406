#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Puts Debian kernels, and what it takes to build modules for them, into the cache.
set -euo pipefail

# shellcheck source=selftests/vm/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=selftests/vm/apt.sh
. "$vm_dir/apt.sh"
# shellcheck source=selftests/vm/qemu.sh
. "$vm_dir/qemu.sh"
# shellcheck source=selftests/debug/kernel.sh
. "$vm_dir/../debug/kernel.sh"
# shellcheck source=selftests/vm/clients.sh
. "$vm_dir/clients.sh"

usage()
{
	cat <<-EOF
	usage: ${0##*/} [--refresh] WHAT...
	       ${0##*/} --is-built DEBUGGING-KERNEL

	WHAT is a kernel series ($all_series), a debugging kernel ($debug_series: built
	from source), 'arm64' (headers to cross-compile with), or out of the kernel's source
	'scripts' (checkpatch and kernel-doc) or 'ynl' (the tools that read netlink
	specifications) or 'vhost_net_test' (a test, built here), or 'qemu', which is newer than
	bookworm's, or 'dpdk' (its testpmd, with libraries), or 'libvirt' and AppArmor, for VMs to
	unpack. What is in the cache already is left alone; --refresh looks for a newer point
	version. --is-built fetches and builds nothing: it only says by its status.
	The cache is \$RINGTAP_CACHE, now $cache
	EOF
}

# unpack_debs DEBS ROOT : unpack every .deb, with the merged /usr that later kernels assume.
unpack_debs()
{
	local deb

	mkdir -p "$2/usr/lib"
	ln -sfn usr/lib "$2/lib"
	for deb in "$1"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$2" --keep-directory-symlink --no-same-owner --exclude='./usr/share/doc'
	done
}

# The headers of Debian name each other by absolute path; make them name the cache.
relocate_headers()
{
	local root=$1 final=$2

	sed -i "s#/usr/src/#$final/usr/src/#g" "$root"/usr/src/linux-headers-*/Makefile
}

# publish TMP FINAL : replace FINAL by TMP; whoever has the old one open keeps it until it ends.
publish()
{
	local old

	old=$(mktemp -d "$cache/tmp/old.XXXXXX")
	[[ ! -e $2 ]] || mv "$2" "$old/"
	mkdir -p "$(dirname "$2")"
	mv "$1" "$2"
	rm -rf "$old"
}

# fetch_bookworm SERIES IMAGE_REGEX : series whose headers build with bookworm's compiler.
fetch_bookworm()
{
	local series=$1 image release abi tmp

	apt_use bookworm bookworm-updates bookworm-security
	image=$(apt_newest "$2")
	release=${image#linux-image-}
	abi=${release%-amd64}
	tmp=$(mktemp -d "$cache/tmp/$series.XXXXXX")
	apt_download "$tmp/debs" "$image" "linux-headers-$release" "linux-headers-$abi-common" \
		"$(apt_newest "linux-kbuild-${series//./\\.}(\.[0-9]+\+deb12)?")"
	unpack_debs "$tmp/debs" "$tmp/root"
	relocate_headers "$tmp/root" "$(kernel_root "$series")"
	cp "$tmp/root/boot/vmlinuz-$release" "$tmp/root/vmlinuz"
	finish_kernel "$series" "$tmp" "$release"
}

# fetch_trixie SERIES : series that needs trixie's compiler, hence a chroot to build in.
fetch_trixie()
{
	local series=$1 image release tmp

	apt_use trixie-backports
	image=$(apt_newest "linux-image-${series//./\\.}\.[0-9]+\+deb13-amd64")
	release=${image#linux-image-}
	tmp=$(mktemp -d "$cache/tmp/$series.XXXXXX")
	apt_download "$tmp/debs" "linux-binary-$release" "linux-modules-$release" \
		"linux-base-$release"
	unpack_debs "$tmp/debs" "$tmp/root"
	mv "$tmp/root/usr/lib/modules/$release/vmlinuz" "$tmp/root/vmlinuz" 2>/dev/null ||
		cp "$tmp/root/boot/vmlinuz-$release" "$tmp/root/vmlinuz"
	make_chroot "$release" "$tmp/root/chroot"
	finish_kernel "$series" "$tmp" "$release"
}

make_chroot()
{
	local release=$1 dir=$2 opts=() line

	need_programs mmdebstrap:mmdebstrap
	((EUID == 0)) || die "building for this kernel needs a chroot, which needs root"
	while read -r line; do
		opts+=(--aptopt="$line")
	done < <(apt-config dump | grep -iE '^Acquire::https?::Proxy ' || true)
	say "making a chroot with trixie's compiler (about 400 MB, a minute)"
	mmdebstrap --quiet --variant=apt --mode=root "${opts[@]}" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
		--include="gcc-14,make,sparse,linux-headers-$release,linux-base/trixie-backports" \
		trixie "$dir" "$(apt_source_line trixie)" "$(apt_source_line trixie-backports)" >&2 ||
		die "cannot make the chroot"
	rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/lib/apt/lists/*_*
	add_sparse "$dir"
}

# This kernel's headers need a sparse that knows __typeof_unqual__, which trixie's does not.
add_sparse()
{
	local tmp

	tmp=$(mktemp -d "$cache/tmp/sparse.XXXXXX")
	apt_use sid
	apt_download "$tmp" sparse:amd64
	dpkg-deb --fsys-tarfile "$tmp"/sparse_*.deb | tar -xO ./usr/bin/sparse >"$1/usr/local/bin/sparse"
	chmod 755 "$1/usr/local/bin/sparse"
	rm -rf "$tmp"
	chroot "$1" sparse --version >&2 || {
		say "sid's sparse does not run here; C=2 will use trixie's"
		rm "$1/usr/local/bin/sparse"
	}
	allow_checker "$1"
}

# Kbuild runs sparse only if this script says that it works, and Debian ships no such script.
allow_checker()
{
	local script

	for script in "$1"/usr/lib/linux-kbuild-*/scripts; do
		script+=/checker-valid.sh
		# shellcheck disable=SC2016 # the script expands it
		printf '%s\n' '#!/bin/sh' 'echo "int probe(void);" | "$@" - >&2 && echo 1' >"$script"
		chmod 755 "$script"
	done
}

finish_kernel()
{
	local series=$1 tmp=$2 release=$3

	depmod -b "$tmp/root" "$release"
	printf '%s\n' "$release" >"$tmp/root/release"
	publish "$tmp/root" "$(kernel_root "$series")"
	rm -rf "$tmp"
	say "$series is $release"
}

# The newest 6.12 headers for arm64; the build tools in linux-kbuild run on this machine.
fetch_arm64()
{
	local headers release abi tmp

	apt_use bookworm bookworm-updates bookworm-security
	headers=$(apt_newest 'linux-headers-6\.12\.[0-9]+\+deb12-arm64')
	release=${headers#linux-headers-}
	abi=${release%-arm64}
	tmp=$(mktemp -d "$cache/tmp/arm64.XXXXXX")
	apt_download "$tmp/debs" "$headers:arm64" "linux-headers-$abi-common" "linux-kbuild-$abi:amd64"
	unpack_debs "$tmp/debs" "$tmp/root"
	relocate_headers "$tmp/root" "$(kernel_root arm64)"
	printf '%s\n' "$release" >"$tmp/root/release"
	publish "$tmp/root" "$(kernel_root arm64)"
	rm -rf "$tmp"
	say "arm64 is $release"
}

# unpack_source ROOT NAME PATTERN... : files that only the kernel's source package has.
unpack_source()
{
	local root=$1 name=$2 deb

	shift 2
	apt_use bookworm bookworm-updates bookworm-security
	deb=$(find "$cache" -maxdepth 1 -name 'linux-source-6.12_*.deb' | sort -V | tail -n 1)
	if [[ -z $deb ]]; then
		apt_download "$root.debs" linux-source-6.12
		deb=$(echo "$root.debs"/*.deb)
	fi
	mkdir -p "$root"
	say "unpacking $name out of the kernel's source"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards '*/linux-source-*.tar.xz' |
		tar -xJ -C "$root" --strip-components=1 --wildcards --no-wildcards-match-slash "$@"
	echo 6.12 >"$root/release"
}

# fetch_source NAME PATTERN... : the same, into the cache.
fetch_source()
{
	local name=$1 tmp

	shift
	tmp=$(mktemp -d "$cache/tmp/$name.XXXXXX")
	unpack_source "$tmp/root" "$name" "$@"
	publish "$tmp/root" "$(kernel_root "$name")"
	rm -rf "$tmp"
}

fetch_scripts()
{
	fetch_source scripts '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch' '*/scripts/kernel-doc'
}

fetch_ynl()
{
	fetch_source ynl '*/tools/net/ynl/*.py' '*/tools/net/ynl/lib/*.py' \
		'*/Documentation/netlink/*.yaml'
}

# It must also run here.
fetch_qemu()
{
	local tmp deb root

	! newer_qemu "$cache" || [[ -n ${RINGTAP_REFRESH:-} ]] || return 0
	mkdir -p "$cache/tmp"
	tmp=$(mktemp -d "$cache/tmp/qemu.XXXXXX")
	root=$tmp/root
	apt_use bookworm bookworm-backports
	apt_download "$tmp/debs" qemu-system-x86/bookworm-backports \
		qemu-system-common/bookworm-backports qemu-system-data/bookworm-backports seabios
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$root"
	done
	"$root/usr/bin/qemu-system-x86_64" --version >/dev/null
	publish "$root" "$cache/qemu-backport"
	rm -rf "$tmp"
}

fetch_one()
{
	[[ " $debug_series " != *" $1 "* ]] || { build_debug_kernel "$1" && return; }
	[[ ! -s $(kernel_root "$1")/release || -n ${RINGTAP_REFRESH:-} ]] || return 0
	mkdir -p "$cache/tmp"
	find "$cache/tmp" -mindepth 1 -maxdepth 1 -name "$1.*" -exec rm -rf {} +
	case $1 in
	6.1) fetch_bookworm 6.1 'linux-image-6\.1\.0-[0-9]+-amd64' ;;
	6.12) fetch_bookworm 6.12 'linux-image-6\.12\.[0-9]+\+deb12-amd64' ;;
	7.3) fetch_trixie 7.3 ;;
	arm64) fetch_arm64 ;;
	dpdk) fetch_dpdk ;;
	qemu) fetch_qemu ;;
	libvirt) fetch_libvirt ;;
	scripts) fetch_scripts ;;
	vhost_net_test) fetch_vhost_net_test ;;
	ynl) fetch_ynl ;;
	esac
}

main()
{
	local what

	while [[ ${1:-} == -* ]]; do
		case $1 in
		--refresh) export RINGTAP_REFRESH=1 ;;
		--is-built)
			debug_kernel_is_there "${2:?}"
			exit
			;;
		-h | --help) usage && exit ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	(($# > 0)) || { usage >&2 && exit 2; }
	need_programs apt:apt-get dpkg:dpkg-deb kmod:depmod util-linux:flock xz-utils:xz
	for what in "$@"; do
		[[ " arm64 dpdk scripts vhost_net_test ynl qemu libvirt " == *" $what "* ]] ||
			check_series "$what"
		with_lock "$what" fetch_one "$what"
	done
}

main "$@"
