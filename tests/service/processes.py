"""Run ``prismrec serve`` in a separate process, with a client for it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx2
import psutil

CODE = "from prismrec.cli import main; main()"


class Process:
    """A service that keeps its port when it is killed and started again."""

    def __init__(self, folder, *flags, store=None, ready=200, **environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.log = folder, folder / "service.log"
        self.ready = ready
        self.store = store or f"sqlite:///{folder}/events.db"
        self.words = ["serve", "artifact", "--port", str(self.port), *flags]
        (folder / "tmp").mkdir(exist_ok=True)
        self.environment = os.environ | environment
        self.environment |= {"PRISMREC_STORE": self.store, "TMPDIR": str(folder / "tmp")}
        self.process = None
        # Each request opens a new connection, so any worker may answer it.
        self.client = httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            timeout=30,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    def start(self):
        with self.log.open("ab") as log:
            self.launch(log)
        self.until_ready()
        return self

    def launch(self, log):
        """Start the process without waiting for it."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, *self.words],
            cwd=self.folder, env=self.environment, stdout=log, stderr=log,
        )  # fmt: skip

    def until_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx2.TransportError):
                if self.client.get("/readyz").status_code == self.ready:
                    return
            time.sleep(0.02)
        raise TimeoutError(self.log.read_text())

    def kill(self):
        """Kill the service and its workers with SIGKILL."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """Stop the service with SIGTERM, as an init system does; return its exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def memory(self):
        """Return the memory of the process in bytes, without mapped files."""
        found = psutil.Process(self.process.pid).memory_info()
        return found.rss - found.shared

    def post(self, path, **body):
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metrics(self):
        """Return all samples of /metrics by name and labels."""
        lines = self.client.get("/metrics").text.splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if line and line[0] != "#"]
        return {name: float(value) for name, value in pairs}

    def close(self):
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()


class Clients:
    """Threads that send requests until the service refuses connections; they count what happens."""

    def __init__(self, process, history, *, threads=8, keep=True):
        self.answered, self.refused, self.broken = 0, 0, []
        limits = httpx2.Limits(max_keepalive_connections=1 if keep else 0)
        self.over, lock = threading.Event(), threading.Lock()

        def send():
            url = process.client.base_url
            with httpx2.Client(base_url=url, timeout=30, limits=limits) as client:
                while not self.over.is_set():
                    try:
                        answer = client.post("/v1/recommend", json={"history": history, "k": 5})
                    except httpx2.ConnectError:
                        with lock:
                            self.refused += 1
                        return
                    except httpx2.TransportError as error:
                        with lock:
                            self.broken.append(repr(error))
                        return
                    with lock:
                        self.answered += 1
                        if answer.status_code != 200:
                            self.broken.append(answer.text)

        self.threads = [threading.Thread(target=send, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join(40)
        self.over.set()


def replace_folder(new, place):
    """Replace a folder by a copy of another one, as a deployment does."""
    copy = place.with_name(place.name + ".new")
    shutil.copytree(new, copy)
    old = place.with_name(place.name + ".old")
    place.rename(old)
    copy.rename(place)
    shutil.rmtree(old)


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
