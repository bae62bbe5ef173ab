"""The process that serves: its socket, its connections, its workers.

uvicorn speaks HTTP. What it leaves open is closed here: a connection that never sends its whole
head, a head without end, and workers that would all be restarted to take up a new artifact.
"""

import contextlib
import logging
import os
import resource
import signal
import socket
import tempfile
from asyncio import Transport
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any

import uvicorn
from prometheus_client import multiprocess
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from prismrec.errors import ConfigError
from prismrec.service.app import from_environment
from prismrec.service.settings import Settings

HEAD_SECONDS = 15.0
"""Seconds in which the head of a request must have arrived whole."""
HEAD_BYTES = 65_536
"""Bytes of a head: its address and header lines."""
GRACE = 10
"""Seconds that requests in work have to end when the service stops."""
STARTING = 60
"""Seconds after which a worker that does not answer its supervisor is replaced."""
log = logging.getLogger("prismrec.service")


class LimitedHttpProtocol(HttpToolsProtocol):
    """A connection whose heads are bounded in time and in size."""

    late: TimerHandle | None = None
    read = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before or self._answering():
            self.read = 0
            self._unwatch()
            return
        self.read += len(data)
        if self.read > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head has more than {HEAD_BYTES} bytes.")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._unwatch()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _unwatch(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _give_up(self) -> None:
        self.late = None
        if not self._answering():
            self.transport.close()


class Server(uvicorn.Server):
    """One process that says when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self.announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.announce()


class Supervisor(Multiprocess):
    """Workers that take up a new artifact without being restarted."""

    def __init__(
        self, config: uvicorn.Config, bound: socket.socket, announce: Callable[[], None]
    ) -> None:
        super().__init__(config, [bound])
        self.announce, self.announced = announce, False

    def handle_hup(self) -> None:
        """Tell one worker that answers; the others follow its change."""
        ready = next((process for process in self.processes if process.is_ready(1)), None)
        if ready is None or ready.pid is None:
            log.warning("no worker is ready to reload")
            return
        os.kill(ready.pid, signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died; their gauges go with them. Say when the first one answers."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        if not self.announced and any(process.is_ready(1) for process in self.processes):
            self.announced = True
            self.announce()
        for pid in before - {process.pid for process in self.processes}:
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def listen(settings: Settings) -> socket.socket:
    """Bind the address.

    Raises:
        ConfigError: It cannot be bound.
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
    """Serve until a signal says to stop: what ``write_environment`` told of.

    Args:
        bound: Where.
        workers: How many processes.
        announce: Called once, when everything is open and requests are answered.

    Raises:
        PrismrecError: It cannot be served. One process is this one, so that what is wrong with
            its artifact is said here, in a sentence.
    """
    _many_files()
    options: dict[str, Any] = {
        "workers": workers,
        "http": LimitedHttpProtocol,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE,
        "timeout_keep_alive": 15,
        "timeout_worker_healthcheck": STARTING,
    }
    if workers == 1:
        Server(uvicorn.Config(from_environment(), **options), announce).run([bound])
        return
    with tempfile.TemporaryDirectory(prefix="prismrec-metrics-") as together:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = together
        application = "prismrec.service.app:from_environment"
        config = uvicorn.Config(application, factory=True, **options)
        Supervisor(config, bound, announce).run()


def _many_files() -> None:
    """Let this process hold as many connections as the system allows it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
