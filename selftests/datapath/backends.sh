#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# backends.sh - every kind of backend, both ways; TAPs that change, fill up or have filters; and the same on stock.
# rtap-kernels: 7.3
# rtap-needs: root module
# shellcheck disable=SC2119 # need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/../hostile/lib.sh"

# What is expected of both nodes alike is asked of stock's as well, where there is one.
on_stock=(backends "stock, split" --node "$RTAP_STOCK_NODE")

has_stock()
{
	modprobe vhost_net 2>/dev/null || return 1
	at_exit rmmod vhost_net
	wait_for 5 node_is_open_to_us "$RTAP_STOCK_NODE"
}

need_root
need_module
need_hostile

count=$(hostile_count backends)
if has_stock; then
	plan $((count + $(hostile_count "${on_stock[@]}") + 1))
	run_program "$RTAP_HOSTILE" "${on_stock[@]}"
else
	plan $((count + 2))
	run_test "the same on stock" skip "module vhost_net cannot be loaded"
fi
run_hostile backends
run_test "the kernel log stays clean" kmsg_is_clean
finish
