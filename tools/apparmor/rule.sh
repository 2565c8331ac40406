#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Puts our rule for libvirt's guests into AppArmor's directory, or takes it out.
#
#	rule.sh install|uninstall /etc/apparmor.d
#
# A newer libvirt includes all of abstractions/libvirt-qemu.d. Bookworm's, 9.0, includes nothing but a file for the
# site's own rules: that gets a line, and whatever else is in it stays.
set -eu

dir=${2:?directory missing}
rule=abstractions/libvirt-qemu.d/ringtap
site=$dir/local/abstractions/libvirt-qemu
line="include if exists <$rule>"

# needs_line: there is a libvirt here, and it does not include the directory.
needs_line()
{
	[ -e "$dir/abstractions/libvirt-qemu" ] && ! grep -q 'libvirt-qemu\.d>' "$dir/abstractions/libvirt-qemu"
}

case ${1:-} in
install)
	mkdir -p "$dir/${rule%/*}"
	install -m 644 "$(dirname "$0")/ringtap" "$dir/$rule"
	if needs_line && ! grep -qxF "$line" "$site" 2>/dev/null; then
		mkdir -p "${site%/*}"
		# The last line of a file that was written by hand may have no end.
		[ ! -s "$site" ] || [ -z "$(tail -c 1 "$site")" ] || echo >>"$site"
		echo "$line" >>"$site"
	fi
	;;
uninstall)
	rm -f "$dir/$rule"
	[ ! -d "$dir/${rule%/*}" ] || (cd "$dir" && rmdir -p "${rule%/*}" 2>/dev/null) || true
	[ ! -e "$site" ] || sed -i "\\#^$line\$#d" "$site"
	;;
*)
	echo "usage: ${0##*/} install|uninstall DIRECTORY" >&2
	exit 2
	;;
esac
