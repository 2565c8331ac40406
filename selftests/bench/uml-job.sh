# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Runs as root inside User-Mode Linux (umllab's init sources it): loads the modules and measures.

bench_uml()
{
	: "${TREE:?}" "${RTAP_REPO:?}" "${RTAP_OUT:?}" "${RTAP_FENCE:?}"
	insmod "$TREE/drivers/vhost/vhost_iotlb.ko" || return
	insmod "$TREE/drivers/vhost/vhost.ko" || return
	insmod "$TREE/drivers/vhost/vhost_net.ko" || return
	insmod "$TREE/umwin/umwin.ko" "fence=$RTAP_FENCE" || return
	insmod "$RTAP_REPO/.build/kmod-um/ringtap.ko" || return
	echo -1 >/proc/sys/kernel/sched_rt_runtime_us
	# The root is read-only; what is to stay goes through a second mount of the host.
	mkdir -p /run/out && mount -t hostfs -o "$RTAP_OUT" none /run/out || return
	# shellcheck disable=SC2086 # a list of words
	"$RTAP_REPO/.build/bench/ringtap-bench" --title "UML, fence=$RTAP_FENCE" --unit ns \
		--memory-device /dev/umwin --json "/run/out/bench-$RTAP_FENCE.json" $RTAP_ARGUMENTS
}

bench_uml
echo "bench exit status: $?"
