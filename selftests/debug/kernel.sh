# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Builds the debugging kernels from Debian's linux-source into the cache (to be sourced by vm/fetch.sh).
#
# A kernel is base.config and the one file named after it; every option that neither names is off, so that it
# is built in minutes. It is built anew when these files, or the source, change.

: "${vm_dir:?common.sh comes first}" "${cache:?}"
debug_dir=$vm_dir/../debug

# debug_key SERIES DEB : what a built kernel depends on, in one word.
debug_key()
{
	{
		basename "$2"
		cat "$debug_dir/base.config" "$debug_dir/${1#*-}.config"
	} | sha256sum | cut -c 1-16
}

# debug_deb : the package with the source, in the cache; downloaded if there is none.
debug_deb()
{
	local deb=''

	[[ -n ${RINGTAP_REFRESH:-} ]] ||
		deb=$(find "$cache" -maxdepth 1 -name 'linux-source-6.12_*.deb' | sort -V | tail -n 1)
	if [[ -z $deb ]]; then
		apt_use bookworm bookworm-updates bookworm-security
		apt_download "$cache" linux-source-6.12
		deb=$(find "$cache" -maxdepth 1 -name 'linux-source-6.12_*.deb' | sort -V | tail -n 1)
	fi
	printf '%s\n' "$deb"
}

# debug_source DEB : the source, unpacked once and shared; what other machines need is left out.
debug_source()
{
	local dir version tmp

	version=$(dpkg-deb -f "$1" Version)
	dir=$cache/debug/source-${version//[^0-9a-z.-]/_}
	if [[ ! -e $dir/Makefile ]]; then
		say "unpacking the kernel's source"
		rm -rf "$cache/debug"/source-*
		tmp=$(mktemp -d "$cache/tmp/source.XXXXXX")
		dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards '*/linux-source-*.tar.xz' |
			tar -xJ -C "$tmp" --strip-components=1 --wildcards --exclude='*/Documentation/*/*' \
				--exclude='*/tools/testing' --exclude='*/tools/perf' --exclude='*.dts*' \
				--exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
				--exclude='*/drivers/net/ethernet/*.[ch]' --exclude='*/drivers/net/wireless/*.[ch]' \
				--exclude='*/sound/*.[ch]' --exclude='*/drivers/infiniband/*.[ch]'
		mkdir -p "$cache/debug"
		mv "$tmp" "$dir"
	fi
	printf '%s\n' "$dir"
}

# debug_config SERIES SOURCE BUILD : what we name, and nothing else; an option that cannot be had is an error.
debug_config()
{
	local series=$1 source=$2 build=$3 line bad=0

	cat "$debug_dir/base.config" "$debug_dir/${series#*-}.config" >"$build/wanted"
	make -s -C "$source" O="$build" KCONFIG_ALLCONFIG="$build/wanted" allnoconfig >&2 || return 1
	while read -r line; do
		grep -qxF "$line" "$build/.config" || {
			say "$series: not in the configuration: $line"
			bad=1
		}
	done < <(grep -E '^CONFIG_.*=' "$build/wanted" | grep -v '=n$')
	return "$bad"
}

# debug_kernel_is_there SERIES : it needs no building.
debug_kernel_is_there()
{
	local root deb

	root=$(kernel_root "$1")
	deb=$(find "$cache" -maxdepth 1 -name 'linux-source-6.12_*.deb' 2>/dev/null | sort -V | tail -n 1)
	[[ -n $deb && -s $root/release && $(cat "$root/key" 2>/dev/null) == "$(debug_key "$1" "$deb")" ]]
}

# build_debug_kernel SERIES : into its place among the kernels, unless it is there already.
build_debug_kernel()
{
	local series=$1 root deb key source release

	root=$(kernel_root "$series")
	deb=$(debug_deb)
	key=$(debug_key "$series" "$deb")
	[[ ! -s $root/release || $(cat "$root/key" 2>/dev/null) != "$key" ]] || return 0
	need_programs make:make gcc:gcc flex:flex bison:bison bc:bc
	mkdir -p "$cache/tmp"
	source=$(with_lock debug-source debug_source "$deb")
	rm -rf "$root"
	mkdir -p "$root/build"
	say "building $series: about 15 minutes on two idle cores; the log is $root/build.log"
	{
		debug_config "$series" "$source" "$root/build" &&
			nice make -s -C "$root/build" -j "$(nproc)" bzImage modules &&
			release=$(make -s -C "$root/build" kernelrelease) &&
			make -s -C "$root/build" INSTALL_MOD_PATH="$root/usr" modules_install
	} >"$root/build.log" 2>&1 || {
		tail -n 30 "$root/build.log" >&2
		die "$series does not build"
	}
	install_debug_kernel "$root" "$release"
	printf '%s\n' "$key" >"$root/key"
	printf '%s\n' "$release" >"$root/release"
	say "$series is $release"
}

# install_debug_kernel ROOT RELEASE : the places where those of Debian's packages are; objects need not stay.
install_debug_kernel()
{
	local root=$1 release=$2

	ln -sfn usr/lib "$root/lib"
	rm -f "$root/usr/lib/modules/$release"/{build,source}
	depmod -b "$root" "$release"
	cp "$root/build/arch/x86/boot/bzImage" "$root/vmlinuz"
	mkdir -p "$root/usr/src"
	ln -sfn ../../build "$root/usr/src/linux-headers-$release"
	find "$root/build" \( -path "$root/build/scripts" -o -path "$root/build/tools" \) -prune -o \
		-type f \( -name '*.o' -o -name '*.a' -o -name '*.cmd' -o -name '.tmp_*' \) -print0 | xargs -0 rm -f
}
