# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Where a newer QEMU than bookworm's is (to be sourced).
#
# It is bookworm's own backport, put into the cache by fetch.sh, unpacked and never installed; the QEMU that is
# installed brings the libraries.

# newer_qemu CACHE : sets `newer_qemu` to its command; fails if it is not there.
newer_qemu()
{
	local root=$1/qemu-backport

	[[ -x $root/usr/bin/qemu-system-x86_64 ]] || return 1
	# shellcheck disable=SC2034 # for the scripts that source this file
	newer_qemu=("$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu"
		-L "$root/usr/share/seabios" -L /usr/share/qemu)
}
