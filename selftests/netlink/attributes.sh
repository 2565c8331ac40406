#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# attributes.sh - every attribute of devices, queues and workers says what is so.
# rtap-kernels: all
# rtap-needs: root module

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_ynl
need_command ip
need_module

plan $(($(cases_count attributes.py) + 1))
run_cases attributes.py
run_test "the kernel log stays clean" kmsg_is_clean
finish
