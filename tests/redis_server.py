"""Start a real Redis server for tests, from the system package; remove it afterwards."""

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

import pytest

PASSWORD = "hush/1"  # noqa: S105


class RedisServer:
    """A server on a free port. It writes each command to its log on disk before it answers."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{self.port}/0"
        self.folder = folder
        self.start()

    def start(self):
        settings = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": ""}
        settings |= {"appendonly": "yes", "appendfsync": "always", "requirepass": PASSWORD}
        words = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        while self.process.poll() is None:
            try:
                if self.client().ping():
                    return
            except OSError:
                time.sleep(0.02)
            except Exception as error:  # the server is still loading its log
                if "loading" not in str(error) and "connect" not in str(error).lower():
                    raise
                time.sleep(0.02)
        pytest.fail(f"redis-server ended with {self.process.returncode}")

    def client(self):
        import redis

        return redis.Redis.from_url(self.url)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_server():
    """Start a server and yield it; skip the test if Redis or its client is not installed."""
    pytest.importorskip("redis", reason="no Redis client: pip install 'prismrec[stores]'")
    if shutil.which("redis-server") is None:
        pytest.skip("no Redis: apt-get install redis-server")
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(folder)
        try:
            yield server
        finally:
            server.kill()
