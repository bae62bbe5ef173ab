"""Connections to PostgreSQL whose calls end: a stopped server keeps its connections open.

libpq waits for an answer for as long as the connection exists, and ``statement_timeout`` is a clock
of the server.
"""

from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any

REACHABLE = 5
"""Seconds after which a server that cannot be reached is an error."""
LIMITS = {
    "connect_timeout": REACHABLE,
    "tcp_user_timeout": 1_000 * REACHABLE,
    # Seconds without an answer after which the system asks whether the server is there.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""Options of libpq."""


def connect_postgres(parts: Mapping[str, Any], deadline: float | None, **options: Any) -> Any:
    """Open a connection of psycopg.

    Args:
        parts: The address, as keywords of libpq; they have priority over ``LIMITS``.
        deadline: Seconds after which a call that has no answer is an error. None: while the server
            can be reached, a call may take any time.
        options: Keywords of ``psycopg.Connection.connect``; they have priority over ``parts``.

    Raises:
        psycopg.Error: The server cannot be reached, or refuses the connection.
    """
    return _connection_class(deadline).connect(**{**LIMITS, **parts, **options})


@lru_cache
def _connection_class(deadline: float | None) -> Any:
    """Return a class of connections with a deadline for each call."""
    import psycopg

    if deadline is None:
        return psycopg.Connection
    seconds: float = deadline

    class Connection(psycopg.Connection[Any]):
        def wait(self, gen: Any, *rest: Any, **options: Any) -> Any:
            return super().wait(_until(gen, monotonic() + seconds), *rest, **options)

    def _until(generator: Any, end: float) -> Any:
        """Yield from a generator that waits for a socket, until the time is over."""
        try:
            asked = next(generator)
            while True:
                ready = yield asked
                if not ready and monotonic() > end:
                    generator.close()
                    raise psycopg.OperationalError(
                        f"no answer in {seconds:g} seconds"
                    ) from TimeoutError()
                asked = generator.send(ready)
        except StopIteration as done:
            return done.value

    return Connection
