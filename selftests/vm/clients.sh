# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Puts programs that use vhost-net, and that the tests of selftests/clients run, into the cache (to be sourced by fetch.sh).

: "${cache:?common.sh comes first}"

# What of a package's dependencies a program is run with; the C library is the machine's own.
libraries='^(lib.*[0-9]|ibverbs-providers)$'
not_libraries='^(libc6|libgcc-s1)$'

# with_libraries PACKAGE... : these, and the libraries they depend on, as the suites in use have them.
with_libraries()
{
	local -A known=()
	local found=("$@") package

	while ((${#found[@]} > 0)); do
		for package in "${found[@]}"; do
			known[$package]=1
		done
		mapfile -t found < <(
			# shellcheck disable=SC2154 # apt_use sets it
			apt-cache "${apt_opts[@]}" depends --no-recommends --no-suggests --no-conflicts \
				--no-breaks --no-replaces --no-enhances "${found[@]/%/:amd64}" |
				sed -nE 's/^[ |]*(Pre)?Depends: //p' | sort -u |
				grep -E "$libraries" | grep -vE "$not_libraries" |
				grep -vxF -f <(printf '%s\n' "${!known[@]}")
		)
	done
	printf '%s:amd64\n' "${!known[@]}"
}

# DPDK's testpmd. It is linked with the drivers of half a dozen network cards, and runs with these libraries here.
fetch_dpdk()
{
	local tmp packages version said

	apt_use bookworm bookworm-updates bookworm-security
	mapfile -t packages < <(with_libraries dpdk-dev librte-net-virtio23)
	((${#packages[@]} > 50)) || die "the archive does not say what testpmd is linked with"
	tmp=$(mktemp -d "$cache/tmp/dpdk.XXXXXX")
	apt_download "$tmp/debs" "${packages[@]}"
	version=$(dpkg-deb -f "$tmp"/debs/dpdk-dev_*.deb Version)
	unpack_debs "$tmp/debs" "$tmp/root"
	rm -rf "$tmp/root/usr/share" "$tmp/root/usr/include"
	# It must also run here.
	said=$(LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu \
		"$tmp/root/usr/bin/dpdk-testpmd" --help 2>&1) || true
	[[ $said == *'EAL common options'* ]] || die "testpmd does not run here: $said"
	printf '%s\n' "$version" >"$tmp/root/release"
	publish "$tmp/root" "$(kernel_root dpdk)"
	rm -rf "$tmp"
	say "dpdk is $version"
}

# The kernel tree's own test of vhost-net. What its 6.12 lacks to be built are two macros of virtio_ring.c's, and the
# place of one header: updates of the stable kernel brought the need, and nobody has built it since.
fetch_vhost_net_test()
{
	local tmp root

	tmp=$(mktemp -d "$cache/tmp/vhost_net_test.XXXXXX")
	root=$tmp/root
	unpack_source "$root" vhost_net_test '*/tools/virtio' '*/tools/include' '*/include/linux' \
		'*/include/uapi/linux' '*/drivers/virtio/virtio_ring.c'
	mkdir -p "$root/late/linux"
	[[ ! -e $root/include/linux/compiler-context-analysis.h ]] ||
		ln -s ../../include/linux/compiler-context-analysis.h "$root/late/linux/"
	CFLAGS="-D'data_race(x)=(x)' -D'MODULE_DESCRIPTION(x)='" CPPFLAGS='-idirafter ../../late' \
		make -s -C "$root/tools/virtio" vhost_net_test >&2
	mkdir "$tmp/made"
	mv "$root/tools/virtio/vhost_net_test" "$root/release" "$tmp/made/"
	publish "$tmp/made" "$(kernel_root vhost_net_test)"
	rm -rf "$tmp"
}

# An archive of Debian's libvirt, AppArmor's programs, and the libraries of both that this machine has not:
# a VM unpacks it over its root. The machine's own apt says what is missing.
fetch_libvirt()
{
	local tmp missing archive=$cache/libvirt/libvirt.tar
	local wanted=(libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients libvirt0 apparmor)

	[[ ! -s $archive || -n ${RINGTAP_REFRESH:-} ]] || return 0
	mkdir -p "$cache/tmp"
	tmp=$(mktemp -d "$cache/tmp/libvirt.XXXXXX")
	apt_use bookworm bookworm-updates bookworm-security
	apt-get "${apt_opts[@]}" -o Dir::State::status=/var/lib/dpkg/status --simulate --no-install-recommends \
		install "${wanted[@]}" >"$tmp/plan" || die "cannot resolve ${wanted[*]}"
	mapfile -t missing < <(awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' "$tmp/plan")
	mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" "${missing[@]}" | sort -u)
	# Of the last its configuration and profiles are wanted, not what it depends on, as systemd and a firewall.
	apt_download "$tmp/debs" "${wanted[@]}" libvirt-daemon-system
	unpack_debs "$tmp/debs" "$tmp/tree"
	rm -r "$tmp/tree/lib" "$tmp/tree"/usr/share/{man,locale}
	mkdir "$tmp/out"
	tar -C "$tmp/tree" --owner=0 --group=0 -cf "$tmp/out/libvirt.tar" .
	publish "$tmp/out" "$cache/libvirt"
	rm -rf "$tmp"
}
