"""The process: sockets, connections, workers.

uvicorn handles HTTP; ``connection`` limits each connection. This module reloads the artifact
without restarting the workers.
"""

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from prometheus_client import multiprocess
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors import multiprocess as multiprocess_supervisor
from uvicorn.supervisors.multiprocess import Process

from prismrec.errors import ConfigError, PrismrecError
from prismrec.service.app import from_environment
from prismrec.service.closing import accept_waiting, ignore_new_clients
from prismrec.service.connection import LimitedHttpProtocol
from prismrec.service.hangup import pop_hangups, remember_hangups
from prismrec.service.logging import log_as_json
from prismrec.service.replacement import Reports
from prismrec.service.settings import Settings
from prismrec.service.shared_metrics import share_metrics

GRACE = 10
"""Seconds after which the service has stopped."""
LAST_REQUESTS = 8
"""Seconds of these that running requests have to end."""
STARTING = 60
"""Seconds after which the supervisor replaces a worker that does not respond."""
FAILED = 1
"""Exit code of a worker that failed and wrote the reason to the log."""
REFUSED = 2
"""Exit code of a worker that could not start and sent the reason to the supervisor."""
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

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after a signal; during the start at once, because no request has arrived."""
        if not self.started:
            os._exit(0 if self.config.workers > 1 else 128 + sig)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the clients that are connected or waiting, then stop; at the latest after GRACE.

        A thread that still computes or waits for a store does not delay the end.
        """
        end = threading.Timer(GRACE, os._exit, (0,))
        end.daemon = True
        end.start()
        if self.config.workers == 1:  # else the supervisor does it, once for all workers
            ignore_new_clients(sockets or [])
        await accept_waiting(sockets or [])
        await super().shutdown(sockets)


class Worker(Process):
    """A worker process of the supervisor; it ends when the supervisor does."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.errors, self.sends_error = multiprocessing.Pipe(duplex=False)
        self.reports = Reports()
        self.ready, self.heard = False, time.monotonic()
        self.temporary = tempfile.gettempdir()  # a new process may find none on a full disk

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the server; see ``Process.target``. An error of the start is sent to the supervisor.

        A bug, and an error after the start, is in the log. Either ends the process.
        """
        log_as_json()
        remember_hangups()
        threading.Thread(target=_end_with_parent, daemon=True).start()
        tempfile.tempdir = self.temporary
        self.reports.use()
        share_metrics()
        try:
            super().target(sockets)
        except Exception as error:
            if self.server.started or not isinstance(error, PrismrecError | OSError):
                log.exception("a worker failed")
                sys.exit(FAILED)
            self.sends_error.send(error)
            sys.exit(REFUSED)

    def responds(self) -> bool:
        """Return whether the process lives and answered less than ``STARTING`` seconds ago.

        It never waits. Whether the process is ready to answer requests is then in ``ready``.
        """
        with contextlib.suppress(OSError, EOFError):
            self.parent_conn.send(b"ping")
            while self.parent_conn.poll(0):
                self.ready, self.heard = self.parent_conn.recv(), time.monotonic()
        return self.process.is_alive() and time.monotonic() - self.heard < STARTING

    def is_ready(self, timeout: float = 5) -> bool:
        """Return whether the process answers now that it is ready: earlier answers do not count."""
        with contextlib.suppress(OSError, EOFError):
            while self.parent_conn.poll(0):
                self.parent_conn.recv()
        return super().is_ready(timeout)

    def error(self) -> Exception | None:
        """Return why the process could not start; None if it did not send a reason."""
        with contextlib.suppress(EOFError):
            if self.errors.poll(0):
                error: Exception = self.errors.recv()
                return error
        return None

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
        self.refusal: BaseException | None = None
        self.hung_up = pop_hangups()
        """Whether the artifact is to be reloaded as soon as a worker is ready."""

    def run(self) -> None:
        """Run the workers until a signal stops them.

        Raises:
            PrismrecError, OSError: The first workers could not start.
            SystemExit: They ended with another exception, which is in the log.
        """
        super().run()
        if self.refusal is not None:
            raise self.refusal

    def terminate_all(self) -> None:
        """Stop all workers; no client is accepted that nobody would answer."""
        ignore_new_clients(self.sockets)
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until all workers have ended; kill those that still run after ``GRACE``."""
        end = time.monotonic() + GRACE
        for worker in self.processes:
            worker.process.join(max(end - time.monotonic(), 0))
            worker.process.kill()
            worker.process.join()

    def handle_hup(self) -> None:
        """Record SIGHUP until a worker is ready."""
        self.hung_up = True

    def _pass_on_hangup(self) -> None:
        """Send SIGHUP to one worker that is ready; the others follow through the journal."""
        for worker in self.processes:
            known = isinstance(worker, Worker) and worker.ready
            if known and worker.is_ready(1) and worker.pid is not None:
                os.kill(worker.pid, signal.SIGHUP)
                self.hung_up = False
                return

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers and drop their gauges; report when the first worker is ready.

        SIGHUP is passed on as soon as one is ready.

        If a worker cannot start and none ever did, the others could not either: stop.
        """
        for place, worker in enumerate(self.processes):
            if not isinstance(worker, Worker):  # uvicorn makes them, of the class above
                continue
            worker.reports.read()
            if worker.responds():
                if worker.ready and not self.announced:
                    self.announced = True
                    self.announce()
                continue
            worker.kill()
            worker.join()
            error = worker.error()
            if not self.announced and (worker.exitcode or 0) > 0:
                self.refusal = error or SystemExit(worker.exitcode)
                self.should_exit.set()
                return
            log.error("a worker ended and is replaced: %s", error or f"code {worker.exitcode}")
            multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
            self.processes[place] = Worker(self.config, self.sockets)
            self.processes[place].start()
        if self.hung_up:
            self._pass_on_hangup()


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
    }
    if workers == 1:
        Server(uvicorn.Config(from_environment(), **options), announce).run([bound])
        return
    with tempfile.TemporaryDirectory(prefix="prismrec-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        application = "prismrec.service.app:from_environment"
        config = uvicorn.Config(application, factory=True, **options)
        log_as_json()  # of this process; each worker does it for itself
        Supervisor(config, bound, announce).run()


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
