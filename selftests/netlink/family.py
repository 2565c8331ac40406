# SPDX-License-Identifier: GPL-2.0-or-later
# The netlink family as the kernel tree's own YNL library reads it, in any network namespace.

import os
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = os.path.join(HERE, "../../Documentation/netlink/ringtap.yaml")
sys.path.insert(0, os.path.join(os.environ["RTAP_YNL"], "tools/net/ynl"))

from lib import ynl  # noqa: E402 pylint: disable=wrong-import-position

DUMP_INTERRUPTED = 0x10
NlError = ynl.NlError


class Family(ynl.YnlFamily):
    """A socket of the network namespace it was made in."""

    def __init__(self, events=False):
        # Its number, and that of its group, may have changed with the module.
        ynl.genl_family_name_to_id = None
        super().__init__(SPEC, "")
        self.interrupted = False
        self.asking = None
        if events:
            self.ntf_subscribe("events")

    def reopen(self, events=False):
        """A socket of what this process has become: another user, in another namespace."""
        self.sock.close()
        self.sock = self.new_socket()
        self.asking = None
        self.async_msg_queue.clear()
        if events:
            self.ntf_subscribe("events")
        return self

    def close(self):
        self.sock.close()
        if self.asking:
            self.asking.close()

    def new_socket(self):
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, self.nlproto.proto_num)
        for option in (ynl.Netlink.NETLINK_CAP_ACK, ynl.Netlink.NETLINK_EXT_ACK,
                       ynl.Netlink.NETLINK_GET_STRICT_CHK):
            made.setsockopt(ynl.Netlink.SOL_NETLINK, option, 1)
        return made

    def _ops(self, ops):
        # The library loses its way when an event comes before an answer: ask on another socket.
        if not self.asking:
            return super()._ops(ops)
        listening, self.sock = self.sock, self.asking
        try:
            return super()._ops(ops)
        finally:
            self.sock = listening

    def _recv_dbg_print(self, reply, nl_msgs):
        if any(message.nl_flags & DUMP_INTERRUPTED for message in nl_msgs):
            self.interrupted = True

    def consistent(self, operation):
        """A dump that nothing interrupted, and how many were."""
        for tries in range(1000):
            self.interrupted = False
            found = self.dump(operation, {})
            if not self.interrupted:
                return found, tries
        raise AssertionError("every dump was interrupted")

    def devices(self):
        return {d["id"]: d for d in self.consistent("device-get")[0]}

    def queues(self, device):
        return {q["index"]: q for q in self.consistent("queue-get")[0] if q["device"] == device}

    def workers(self, device):
        return {w["id"]: w for w in self.consistent("worker-get")[0] if w["device"] == device}

    def device(self, number):
        return self.do("device-get", {"id": number})

    def queue(self, device, index):
        return self.do("queue-get", {"device": device, "index": index})

    def worker(self, device, number):
        return self.do("worker-get", {"device": device, "id": number})

    def newest(self):
        """Id of the device that was opened last."""
        return max(self.devices().values(), key=lambda d: d["serial"])["id"]

    def ntf_subscribe(self, mcast_name):
        if os.geteuid() == 0:
            self.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        super().ntf_subscribe(mcast_name)
        self.asking = self.new_socket()

    def events(self):
        """What has been told since the last time of asking: (name, attributes)."""
        self.check_ntf()
        found = [(e["name"], e["msg"]) for e in self.async_msg_queue]
        self.async_msg_queue.clear()
        return found
