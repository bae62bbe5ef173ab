"""The process: sockets, connections, workers.

uvicorn handles HTTP; ``connection`` limits each connection. This module reloads the artifact
without restarting the workers.
"""

import asyncio
import contextlib
import ctypes
import logging
import multiprocessing
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from prometheus_client import multiprocess
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors import multiprocess as multiprocess_supervisor
from uvicorn.supervisors.multiprocess import Process

from prismrec.errors import ConfigError
from prismrec.service.app import from_environment
from prismrec.service.connection import LimitedHttpProtocol
from prismrec.service.settings import Settings

GRACE = 10
"""Seconds after which the service has stopped."""
LAST_REQUESTS = 8
"""Seconds of these that running requests have to end."""
SETTLED = 0.3
"""Seconds without a new client after which a stopping service closes its socket."""
SO_ATTACH_FILTER = 26
DROP_NEW = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
"""A filter of packets: load the flags of TCP; if SYN is set, drop the packet, else accept it."""
STARTING = 60
"""Seconds after which the supervisor replaces a worker that does not respond."""
log = logging.getLogger("prismrec.service")


class Server(uvicorn.Server):
    """One process that reports when it is ready, and that stops without resetting a connection."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self.announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report it."""
        await super().startup(sockets)
        self.announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the clients that are connected or waiting, then stop; at the latest after GRACE.

        A thread that still computes or waits for a store does not delay the end.
        """
        end = threading.Timer(GRACE, os._exit, (0,))
        end.daemon = True
        end.start()
        if self.config.workers == 1:  # else the supervisor does it, once for all workers
            ignore_new_clients(sockets or [])
        await _accept_waiting(sockets or [])
        await super().shutdown(sockets)


class Worker(Process):
    """A worker process of the supervisor; it ends when the supervisor does."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the server; see ``Process.target``."""
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().target(sockets)

    @property
    def server(self) -> uvicorn.Server:
        """The server of this process."""
        if self._server is None:
            self._server = Server(self.config)
        return self._server


multiprocess_supervisor.Process = Worker  # type: ignore[misc]  # uvicorn has no setting for it


class Supervisor(Multiprocess):
    """Worker processes that reload the artifact without a restart."""

    def __init__(
        self, config: uvicorn.Config, bound: socket.socket, announce: Callable[[], None]
    ) -> None:
        super().__init__(config, [bound])
        self.announce, self.announced = announce, False

    def terminate_all(self) -> None:
        """Stop all workers; no client is accepted that nobody would answer."""
        ignore_new_clients(self.sockets)
        super().terminate_all()

    def handle_hup(self) -> None:
        """Send SIGHUP to one worker that is ready; the others follow through the journal."""
        ready = next((process for process in self.processes if process.is_ready(1)), None)
        if ready is None or ready.pid is None:
            log.warning("reload ignored: no worker is ready")
            return
        os.kill(ready.pid, signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers and drop their gauges; report when the first worker is ready."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        if not self.announced and any(process.is_ready(1) for process in self.processes):
            self.announced = True
            self.announce()
        for pid in before - {process.pid for process in self.processes}:
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def listen(settings: Settings) -> socket.socket:
    """Return a socket that is bound to the address of the settings.

    Raises:
        ConfigError: The address cannot be bound.
    """
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as failed:
            bound = failed.enter_context(socket.socket(family))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.set_inheritable(True)
            failed.pop_all()
    except OSError as error:
        raise ConfigError(
            f"The address {settings.host}:{settings.port} cannot be bound ({error.strerror}); "
            "choose another --host or --port."
        ) from error
    return bound


def run(bound: socket.socket, workers: int, announce: Callable[[], None]) -> None:
    """Run the service that ``write_environment`` describes, until a signal stops it.

    Args:
        bound: The socket.
        workers: Number of processes. A single one is this process, so that its errors are raised
            here.
        announce: Called once when the service answers requests.

    Raises:
        PrismrecError: The service cannot be started.
    """
    _raise_file_limit()
    options: dict[str, Any] = {
        "workers": workers,
        "http": LimitedHttpProtocol,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": LAST_REQUESTS,
        "timeout_keep_alive": 15,
        "timeout_worker_healthcheck": STARTING,
    }
    if workers == 1:
        Server(uvicorn.Config(from_environment(), **options), announce).run([bound])
        return
    with tempfile.TemporaryDirectory(prefix="prismrec-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        application = "prismrec.service.app:from_environment"
        config = uvicorn.Config(application, factory=True, **options)
        Supervisor(config, bound, announce).run()


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


async def _accept_waiting(sockets: Sequence[socket.socket]) -> None:
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


def _end_with_parent() -> None:
    """Stop this process when its parent has ended: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _raise_file_limit() -> None:
    """Raise the limit of open files, and so of connections, to what the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
