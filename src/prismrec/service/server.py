"""The process: sockets, connections, workers.

uvicorn handles HTTP; ``connection`` limits each connection. This module reloads the artifact
without restarting the workers.
"""

import contextlib
import logging
import os
import resource
import signal
import socket
import tempfile
from collections.abc import Callable
from typing import Any

import uvicorn
from prometheus_client import multiprocess
from uvicorn.supervisors import Multiprocess

from prismrec.errors import ConfigError
from prismrec.service.app import from_environment
from prismrec.service.connection import LimitedHttpProtocol
from prismrec.service.settings import Settings

GRACE = 10
"""Seconds that running requests have to end when the service stops."""
STARTING = 60
"""Seconds after which the supervisor replaces a worker that does not respond."""
log = logging.getLogger("prismrec.service")


class Server(uvicorn.Server):
    """One process that reports when it is ready."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self.announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then report it."""
        await super().startup(sockets)
        self.announce()


class Supervisor(Multiprocess):
    """Worker processes that reload the artifact without a restart."""

    def __init__(
        self, config: uvicorn.Config, bound: socket.socket, announce: Callable[[], None]
    ) -> None:
        super().__init__(config, [bound])
        self.announce, self.announced = announce, False

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
        "timeout_graceful_shutdown": GRACE,
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


def _raise_file_limit() -> None:
    """Raise the limit of open files, and so of connections, to what the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
