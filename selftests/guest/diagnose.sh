# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # names from guest/lib.sh
# diagnose.sh - what can be found out about a guest that does not do what it should (sourced by guest/lib.sh).

# guest_last_word: a line of what QEMU or else the guest's kernel said last, and where it stands.
guest_last_word()
{
	local word where

	word=$(grep -m 1 'KVM internal error' "$guest_state/qemu.log") ||
		word=$(tail -n 1 "$guest_state/console" | tr -cd '[:print:]' | cut -c1-60)
	where=$(monitor "info registers" 2>/dev/null | grep -oE 'RIP=[0-9a-f]+|HLT=[01]' | tr '\n' ' ') || true
	echo "${word:-silence} (${where:-gone})"
}

# guest_examine: what QEMU, the guest's console and its processor tell of a guest that does not answer.
guest_examine()
{
	tail -n 20 "$guest_state/qemu.log" "$guest_state/console"
	guest_is_alive || return 0
	qmp qmp_capabilities >/dev/null || true
	qmp query-status || true
	monitor "info registers" | grep -E '^(RAX|RSP|RIP|R8)|HLT=' || true
}

# guest_diagnose: where a guest that does not answer may hang.
guest_diagnose()
{
	local task

	echo "what it said instead:"
	cat "$guest_state/ignored"
	echo "its console ends so:"
	tail -n 20 "$guest_state/console"
	echo "QEMU said:"
	head -n 3 "$guest_state/qemu.log"
	echo "QEMU's monitor: $(qmp query-status || true)"
	monitor "info registers" | grep -E '^(RAX|RSP|RIP|R8)|HLT=' || true
	if busybox ping -c 3 -W 3 "$guest_ip" >/dev/null; then
		echo "its kernel answers a ping: the card works"
	else
		echo "it does not answer a ping"
	fi
	for task in /proc/"$(guest_pid)"/task/*; do
		echo "thread $(cat "$task/comm"): $(head -n 12 "$task/stack" | tr '\n' ' ')"
	done
	! serves_by_ringtap || device_files | xargs -r grep -hv ' 0$'
}
