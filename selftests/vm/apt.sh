# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Downloads packages of any Debian suite without touching the machine's own apt (to be sourced).
#
# The mirror is the one the machine itself uses, read at run time; only the suites differ.

# Print "URI SUITE" for every binary source the machine has, of both file formats.
apt_machine_sources()
{
	local f

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[[ -r $f ]] || continue
		sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]+)?//p' "$f" |
			awk 'NF >= 2 { print $1, $2 }'
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[[ -r $f ]] || continue
		awk '
		function flush(	 i, j, nu, ns, u, s) {
			nu = split(field["uris"], u); ns = split(field["suites"], s)
			if (field["types"] ~ /(^| )deb( |$)/ && tolower(field["enabled"]) !~ /no/)
				for (i = 1; i <= nu; i++)
					for (j = 1; j <= ns; j++)
						print u[i], s[j]
			delete field
		}
		/^#/ { next }
		/^[[:space:]]*$/ { flush(); next }
		/^[^[:space:]]/ {
			key = tolower($0); sub(/:.*/, "", key)
			sub(/^[^:]*:[[:space:]]*/, ""); field[key] = $0; next
		}
		{ field[key] = field[key] " " $0 }
		END { flush() }' "$f"
	done
}

# apt_mirror main|security : the first mirror of that kind.
apt_mirror()
{
	local uri suite kind main='' security=''

	while read -r uri suite; do
		case $uri in
		mirror+file:*)
			uri=$(sed -nE 's/^([a-z]+:[^[:space:]]+).*/\1/p' "${uri#mirror+file:}" | head -n 1)
			;;
		cdrom:*)
			continue
			;;
		esac
		case $suite in
		*-security | */updates) kind=security ;;
		bookworm | trixie | forky | sid | stable | oldstable | testing | unstable) kind=main ;;
		*) continue ;;
		esac
		[[ $kind = main && -z $main ]] && main=$uri
		[[ $kind = security && -z $security ]] && security=$uri
	done < <(apt_machine_sources)
	[[ -n $main ]] || die "no Debian mirror found in the machine's apt sources"
	[[ -n $security ]] || security=${main%/}-security
	[[ $1 = main ]] && printf '%s\n' "$main" || printf '%s\n' "$security"
}

# apt_source_line SUITE : the one-line source of a suite.
apt_source_line()
{
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg kind=main opt=''

	[[ $1 == *-security ]] && kind=security
	[[ -r $keyring ]] && opt="[signed-by=$keyring] "
	printf 'deb %s%s %s main\n' "$opt" "$(apt_mirror "$kind")" "$1"
}

# apt_use SUITE... : from here on apt_newest and apt_download know these suites only.
apt_use()
{
	local dir suite IFS=+

	: "${cache:?common.sh comes first}"
	dir=$cache/apt/$*
	IFS=' '
	mkdir -p "$dir"/{lists/partial,archives/partial,none}
	apt_opts=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=-
		-o "Dir::Etc::preferencesparts=$dir/none" -o Dir::Etc::preferences=-
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir" -o Dir::State::status=/dev/null
		-o "Dir::Cache::archives=$dir/archives" -o Acquire::Languages=none
		-o Acquire::Retries=3 -o APT::Sandbox::User=root
		-o APT::Update::Post-Invoke-Success= -o APT::Update::Post-Invoke=
		-o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
	for suite in "$@"; do
		apt_source_line "$suite"
	done >"$dir/sources.list.new"
	if cmp -s "$dir/sources.list.new" "$dir/sources.list" &&
		[[ -n $(find "$dir/updated" -mmin -1440 2>/dev/null) && -z ${RINGTAP_REFRESH:-} ]]; then
		return
	fi
	mv "$dir/sources.list.new" "$dir/sources.list"
	rm -f "$dir/updated"
	say "reading the package lists of $*"
	apt-get "${apt_opts[@]}" -qq update >&2 || die "cannot read the package lists of $*"
	touch "$dir/updated"
}

# apt_newest EXTENDED_REGEX : the newest package (by version in its name) that matches as a whole.
apt_newest()
{
	local name

	name=$(apt-cache "${apt_opts[@]}" pkgnames | grep -xE "$1" | sort -V | tail -n 1) || true
	[[ -n $name ]] || die "the archive has no package like $1 (any more?)"
	printf '%s\n' "$name"
}

# apt_download DIRECTORY PACKAGE... : the .deb files, checked by apt, nothing installed.
apt_download()
{
	local dir=$1

	shift
	mkdir -p "$dir"
	say "downloading $*"
	(cd "$dir" && apt-get "${apt_opts[@]}" -qq download "$@" >&2) || die "cannot download $*"
}
