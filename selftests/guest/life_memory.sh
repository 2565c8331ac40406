# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034 # names shared with guest/lib.sh
# life_memory.sh - memory that comes to a guest and goes (to be sourced after life_cases.sh).

dimm=$((128 << 20))		# what Linux takes at a time
vmem=$((512 << 20))		# a slot of QEMU's, as it makes them of one gigabyte and more
four_gib=$((1 << 32))		# all that a guest has at boot is below

# seen NAME: of the memory table, as each of the guest's devices has it; they have the same.
seen()
{
	local file values=''

	serves_by_ringtap || {
		echo 0
		return
	}
	for file in $(device_files); do
		values+="$(fact_of "$file" "$1") "
	done
	[[ $(tr ' ' '\n' <<<"$values" | sort -u | grep -c .) == 1 ]] || fail "the devices have $1 $values"
	echo "${values%% *}"
}

# expect_table REGIONS BYTES: the devices know so many.
expect_table()
{
	! serves_by_ringtap || [[ "$(seen regions) $(seen region_bytes)" == "$1 $2" ]] ||
		fail "the memory table has $(seen regions) regions, $(seen region_bytes) bytes; expected: $1, $2"
}

guest_kib()
{
	guest_run "sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo"
}

# guest_has_kib KIB: or a little more or less, which its kernel takes for itself.
guest_has_kib()
{
	local off=$(($(guest_kib) - $1))

	((off >= -4096 && off <= 4096))
}

# online_as TYPE: what the guest's kernel makes of memory that comes.
online_as()
{
	guest_run "echo $1 >/sys/devices/system/memory/auto_online_blocks"
}

# dimm_add ID
dimm_add()
{
	local before

	before=$(guest_kib)
	qmp object-add "{\"qom-type\": \"memory-backend-ram\", \"id\": \"$1-ram\", \"size\": $dimm}" >/dev/null
	qmp device_add "{\"driver\": \"pc-dimm\", \"id\": \"$1\", \"memdev\": \"$1-ram\"}" >/dev/null
	wait_for 60 guest_has_kib $((before + dimm / 1024))
}

is_gone()
{
	[[ $(qmp qom-list '{"path": "/machine/peripheral"}') != *"\"$1\""* ]]
}

# dimm_remove ID: the guest gives it back.
dimm_remove()
{
	qmp device_del "{\"id\": \"$1\"}" >/dev/null
	wait_for 60 is_gone "$1"
	qmp object-del "{\"id\": \"$1-ram\"}" >/dev/null
}

# ring_address QUEUE: where the guest has it.
ring_address()
{
	qmp x-query-virtio-queue-status "{\"path\": \"/machine/peripheral/$guest_nic/virtio-backend\", \"queue\": $1}" |
		sed -n 's/.*"vring-desc": \([0-9]*\).*/\1/p'
}

# The guest's kernel prefers the first DIMM for what it allocates, the rings of a new card and their buffers. The
# second is for what can be moved, so it can be taken out.
dimms_come_and_go()
{
	local regions bytes queue

	regions=$(seen regions) bytes=$(seen region_bytes)
	if is_gone kept; then
		online_as online_kernel
		dimm_add kept
		expect_table "$((++regions))" "$((bytes += dimm))"
		flow_moves
	fi
	nic_unplug
	nic_add "$guest_card"
	for queue in 0 1; do
		(($(ring_address "$queue") >= four_gib)) || fail "ring $queue is not in the DIMM: $(ring_address "$queue")"
	done
	expect_served split "${usual[@]}"
	flow_moves
	online_as online_movable
	dimm_add lent
	flow_moves
	# Next to the first: QEMU makes one region of what is neighbours to guest and host alike.
	! serves_by_ringtap || (($(seen region_bytes) == bytes + dimm))
	dimm_remove lent
	flow_moves
	expect_table "$regions" "$bytes"
}

vmem_size_is()
{
	[[ $(qmp qom-get '{"path": "/machine/peripheral/vmem", "property": "size"}') == *"\"return\": $1,"* ]]
}

# vmem_resize MIB: the guest is asked to, and does.
vmem_resize()
{
	qmp qom-set "{\"path\": \"/machine/peripheral/vmem\", \"property\": \"requested-size\", \"value\": $(($1 << 20))}" >/dev/null
	wait_for 60 vmem_size_is $(($1 << 20))
}

# vmem_add: a newer QEMU has it in vhost's memory table only while the guest has some of it.
vmem_add()
{
	local more=''

	[[ $side == a ]] || more=,dynamic-memslots=on
	qmp object-add "{\"qom-type\": \"memory-backend-ram\", \"id\": \"vmem-ram\", \"size\": $vmem}" >/dev/null
	qmp device_add "{\"driver\": \"virtio-mem-pci\", \"id\": \"vmem\", \"memdev\": \"vmem-ram\",
		\"requested-size\": 0$(json_properties "$guest_quirk$more")}" >/dev/null
}

virtio_mem_resized()
{
	local bytes kib size

	online_as online_movable
	! is_gone vmem || vmem_add
	bytes=$(seen region_bytes) kib=$(guest_kib)
	for size in 256 128 0; do
		vmem_resize "$size"
		wait_for 20 guest_has_kib $((kib + size * 1024))
		tell "at $size MiB: $(seen regions) regions, $(seen region_bytes) bytes"
		! serves_by_ringtap || expect_vmem_bytes "$bytes" $((size << 20))
		flow_moves
	done
}

# expect_vmem_bytes BEFORE SIZE: in the memory table, when the guest has so many.
expect_vmem_bytes()
{
	local want=$1

	[[ $side == a || $2 == 0 ]] || want=$(($1 + vmem))
	[[ $(seen region_bytes) == "$want" ]] || fail "the memory table has $(seen region_bytes) bytes, expected: $want"
}
