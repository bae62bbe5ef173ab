"""The end of a socket: no connection that was accepted, or that waits to be, is reset."""

import asyncio
import contextlib
import ctypes
import select
import socket
import struct
import sys
from collections.abc import Sequence

SETTLED = 0.3
"""Seconds without a new client after which a stopping service closes its socket."""
SO_ATTACH_FILTER = 26
DROP_NEW = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""A filter of packets: load the flags of TCP; if SYN is set, drop the packet, else accept it."""


def ignore_new_clients(sockets: Sequence[socket.socket]) -> None:
    """Make the system drop the first packet of new connections.

    Otherwise a connection that arrives between the last ``accept`` and the end of the socket would
    be reset, although the client has sent its request. Such a client now sends its first packet
    again after a second, and then is refused or reaches the next process.
    """
    if sys.platform != "linux":
        return
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in DROP_NEW))
    program = struct.pack("HP", len(DROP_NEW), ctypes.addressof(code))
    for bound in sockets:
        with contextlib.suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


async def accept_waiting(sockets: Sequence[socket.socket]) -> None:
    """Wait until no client waits to be accepted, for ``SETTLED`` seconds at least."""
    poll = select.poll()
    for bound in sockets:
        poll.register(bound, select.POLLIN)
    quiet, turn = 0.0, SETTLED / 6
    for _ in range(60):
        await asyncio.sleep(turn)
        quiet = 0.0 if poll.poll(0) else quiet + turn
        if quiet >= SETTLED:
            return
