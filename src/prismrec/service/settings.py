"""What an operator sets: flags or TOML for public settings, environment variables for secrets."""

import ipaddress
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prismrec.errors import ConfigError
from prismrec.io import named_path
from prismrec.service.keys import SHORTEST, Keys
from prismrec.service.pictures import image_hosts

PER_CORE = 8
"""Largest number of workers, and of threads per worker, per core of the machine."""
MOST_WAITING = 100_000
"""Largest queue."""
ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
"""A web origin as browsers send it, or all of them."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service runs.

    Raises:
        ConfigError: A number is out of its range, or a host or an origin is none.
    """

    host: str = "127.0.0.1"
    """Address to bind; an address that other machines can reach needs keys."""
    port: int = 8000
    """Port to bind; 0 chooses a free port."""
    store: str = "sqlite:///events.db"
    """Address of the store of events: sqlite:///FILE, postgresql://…, redis://…, memory:, or your
    own class, as module:Class+ADDRESS. Set an address with a password as PRISMREC_STORE."""
    workers: int = 1
    """Number of processes; they share the memory of the item vectors."""
    threads: int = 1
    """Computing threads per process."""
    queue: int = 64
    """Requests that may wait for a thread; further requests get 503."""
    timeout: float = 5.0
    """Seconds that an answer may take; a slower request gets 504. Events, changes of items, reloads
    and reports may take six times as long."""
    history: int = 500
    """Newest events of a user that are read from the store per request."""
    body: int = 1_000_000
    """Largest request body in bytes; a larger one gets 413."""
    rate: float = 0.0
    """Requests per second per key, or per client address without keys; 0 for no limit."""
    cors: str = ""
    """Web origins whose pages may call the API from a browser, separated by commas."""
    rerank: str = ""
    """Your own re-ranker, as module:function; requests may then name it in rerank."""
    extractor: str = ""
    """Your own class of the artifact's extractor, as module:Class."""
    index: str = ""
    """Your own class of the artifact's index, as module:Class."""
    image_host: str = ""
    """Hosts from which the page may show pictures of items, separated by commas. Default: none. The
    addresses are in the column image of the items file; visitors' browsers contact these hosts."""
    tracing: bool = False
    """Send a trace of each request to an OpenTelemetry collector, which the environment variables
    OTEL_* name."""
    page: bool | None = None
    """Serve the page at /. Default: only without keys. With keys, the page asks each visitor for a
    key."""

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """The web origins of ``cors``."""
        return tuple(filter(None, map(str.strip, self.cors.split(","))))

    @cached_property
    def image_hosts(self) -> tuple[str, ...]:
        """The hosts of ``image_host``."""
        return image_hosts(self.image_host)

    def page_for(self, keys: Keys) -> bool:
        """Return whether the page is served."""
        return not keys if self.page is None else self.page

    def __post_init__(self) -> None:
        """Check the ranges, the hosts and the origins."""
        self._check_sizes()
        if not 0 <= self.port < 65_536:
            raise ConfigError(f"port is {self.port}; set a number from 0 to 65535.")
        if not (self.timeout > 0 and self.rate >= 0):
            raise ConfigError(
                f"timeout is {self.timeout} and rate is {self.rate}; set a timeout above 0 and a "
                "rate of 0 or more."
            )
        self._check_hosts()

    def _check_sizes(self) -> None:
        """Raise ConfigError for numbers that are too small, or too large for this machine."""
        least = {"workers": 1, "threads": 1, "queue": 1, "history": 1, "body": 1_000}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; set {low} or more.")
        cores = os.cpu_count() or 1
        most = {"workers": PER_CORE * cores, "threads": PER_CORE * cores, "queue": MOST_WAITING}
        for name, high in most.items():
            if getattr(self, name) > high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}, which is too many for a machine of "
                    f"{cores} cores; set {high} or less."
                )

    def _check_hosts(self) -> None:
        """Raise ConfigError for what is not a web origin or a host."""
        for origin in self.origins:
            if ORIGIN.fullmatch(origin) is None:
                raise ConfigError(
                    f"cors names {origin!r}, which is not a web origin; set for example "
                    "https://shop.example, in lower case and without a path, or * for all."
                )
        try:
            _ = self.image_hosts
        except ValueError as error:
            raise ConfigError(
                f"image_host names {str(error)!r}, which is not a host; set for example "
                "images.example.com, without https:// and without a path."
            ) from error


def check_exposure(settings: Settings, keys: Keys) -> None:
    """Check that an address that other machines can reach has keys.

    Raises:
        ConfigError: The address is not loopback and there is no key.
    """
    if not keys and not _loopback(settings.host):
        raise ConfigError(
            f"host is {settings.host}, which other machines can reach, but there is no key; set "
            "PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS and PRISMREC_ADMIN_KEYS, or bind 127.0.0.1."
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def store_address(setting: str) -> str:
    """Return the store's address: PRISMREC_STORE, which may hold a password, or the setting.

    Raises:
        ConfigError: The variable is set but empty, as by a deployment that lacks its value.
    """
    address = os.environ.get("PRISMREC_STORE")
    if address == "":
        raise ConfigError(
            "PRISMREC_STORE is set but empty; set it to the address of the store, or unset it."
        )
    return setting if address is None else address


def exposure_secret() -> bytes:
    """Return the secret with which users are hashed.

    Raises:
        ConfigError: It is not set, or too short.
    """
    name = "PRISMREC_EXPOSURE_SECRET"
    secret = os.environ.get(name, "")
    if len(secret) < SHORTEST:
        raise ConfigError(
            f"The users of an experiment are hashed with {name}, which has {len(secret)} "
            f"characters; set it to a secret of at least {SHORTEST}."
        )
    return secret.encode()


@dataclass(frozen=True, kw_only=True)
class ServePaths:
    """The files of a service."""

    artifact: Path
    compare_with: Path | None = None
    """A second artifact, to compare with the first one on the page."""
    data: Path | None = None
    """A data set folder; the page shows its users as examples."""
    changes: Path | None = None
    """File of hidden and new items; ARTIFACT.changes by default."""
    report: Path | None = None
    """Folder written by ``prismrec evaluate --report``, for the diagnostics view of the page."""

    experiment: Path | None = None
    """A TOML file: an experiment that gives users lists with different options."""
    exposures: Path | None = None
    """Folder of the exposure log; ARTIFACT.exposures by default."""

    def __post_init__(self) -> None:
        """Name the artifact: the files next to that of ``.`` need its name."""
        object.__setattr__(self, "artifact", named_path(self.artifact))

    @property
    def artifacts(self) -> tuple[Path, ...]:
        """The artifact, and the one to compare with if there is one."""
        return (self.artifact, self.compare_with) if self.compare_with else (self.artifact,)

    @property
    def exposure_folder(self) -> Path:
        """The folder of the exposure log of an experiment."""
        return self.exposures or self.artifact.with_name(self.artifact.name + ".exposures")

    @property
    def journal(self) -> Path:
        """The file of changes."""
        return self.changes or self.artifact.with_name(self.artifact.name + ".changes")
