#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# headers.sh - the virtio header, num_buffers included, is what was negotiated; segments in UDP tunnels, as stock's.
# rtap-kernels: all
# rtap-needs: root module
# shellcheck disable=SC2317,SC2119 # run_program calls the function; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/../hostile/lib.sh"

# Where the stock node offers the tunnels' bits, it is asked the same; before that it forgets num_buffers with VERSION_1.
stock_has_tunnels()
{
	modprobe vhost_net 2>/dev/null && wait_for 5 node_is_open_to_us "$RTAP_STOCK_NODE" &&
		"$ringtap" features "$RTAP_STOCK_NODE" | grep UDP_TUNNEL_GSO >/dev/null
}

on_stock()
{
	"$RTAP_HOSTILE" headers --node "$RTAP_STOCK_NODE" | sed -E 's/^((not )?ok - )/\1stock: /'
}

need_root
need_module
need_tool
need_hostile
modprobe -a vxlan dummy 2>/dev/null || true

stock=0
! stock_has_tunnels || stock=$(hostile_count headers --node "$RTAP_STOCK_NODE")
plan $(($(hostile_count headers) + stock + 1))
run_hostile headers
((stock == 0)) || run_program on_stock
run_test "the kernel log stays clean" kmsg_is_clean
finish
