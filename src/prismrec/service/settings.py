"""What an operator sets: flags or TOML for what is public, the environment alone for secrets."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from prismrec.errors import ConfigError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""Each includes those before it."""
SHORTEST = 16
"""Characters of a key; a shorter one can be guessed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service runs.

    Raises:
        ConfigError: A number out of its range.
    """

    host: str = "127.0.0.1"
    """Address to bind; one that others reach needs keys."""
    port: int = 8000
    """Port to bind; 0 takes a free one."""
    store: str = "sqlite:///events.db"
    """Where events are kept: sqlite:///FILE, postgresql://…, redis://…, memory:. An address with
    a password: give it as PRISMREC_STORE."""
    workers: int = 1
    """Processes; they share the item vectors' memory."""
    threads: int = 1
    """Threads a process that compute answers."""
    queue: int = 64
    """Requests that may wait for a thread; beyond, 503."""
    timeout: float = 5.0
    """Seconds an answer may take; beyond, 504."""
    history: int = 500
    """Events of a user that are read; the model uses the newest it can."""
    body: int = 1_000_000
    """Bytes of a request's body; beyond, 413."""
    rate: float = 0.0
    """Requests a second for each key (or address, without keys); 0 for no bound."""
    cors: str = ""
    """Origins that a browser may call from, separated by commas."""
    reranker: str = ""
    """A re-ranker of your own, as module:function; requests may name it in rerank."""
    page: bool | None = None
    """Show the page at /. If not given: without keys it is shown, with keys it is not; where it
    is shown with keys, visitors are asked for one."""

    def page_for(self, keys: "Keys") -> bool:
        """Tell whether the page is shown."""
        return not keys if self.page is None else self.page

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        least = {"workers": 1, "threads": 1, "queue": 1, "history": 1, "body": 1_000}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be {low} or more.")
        if not 0 <= self.port < 65_536:
            raise ConfigError(f"port is {self.port}; it must be from 0 to 65535.")
        if not (self.timeout > 0 and self.rate >= 0):
            raise ConfigError(
                f"timeout is {self.timeout} and rate {self.rate}; give a timeout above 0 and a "
                "rate of 0 or more."
            )


@dataclass(frozen=True)
class Keys:
    """Keys by scope; they never appear in a message, a log or an answer."""

    by_scope: Mapping[Scope, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Keys":
        """Read PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS and PRISMREC_ADMIN_KEYS.

        Raises:
            ConfigError: A key is too short or not plain text.
        """
        found: dict[Scope, tuple[str, ...]] = {}
        for scope in SCOPES:
            name = f"PRISMREC_{scope.upper()}_KEYS"
            keys = tuple(key.strip() for key in environment.get(name, "").split(",") if key.strip())
            for key in keys:
                if len(key) < SHORTEST or not key.isascii() or not key.isprintable():
                    raise ConfigError(
                        f"A key in {name} is shorter than {SHORTEST} characters or not plain "
                        "ASCII; make one with: python -c 'import secrets; "
                        "print(secrets.token_urlsafe(24))'."
                    )
            if keys:
                found[scope] = keys
        return cls(found)

    def __bool__(self) -> bool:
        return bool(self.by_scope)


def check_exposure(settings: Settings, keys: Keys) -> None:
    """Refuse to let others in without keys.

    Raises:
        ConfigError: The address is not loopback and there is no key.
    """
    if not keys and not _loopback(settings.host):
        raise ConfigError(
            f"The service was to bind {settings.host}, which others can reach, without a key; set "
            "PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS and PRISMREC_ADMIN_KEYS, or bind 127.0.0.1."
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def store_address(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """Give the store's address: PRISMREC_STORE, where a password may stand, or the setting."""
    return environment.get("PRISMREC_STORE") or settings.store


@dataclass(frozen=True, kw_only=True)
class ServePaths:
    """What is served."""

    artifact: Path
    compare_with: Path | None = None
    """A second artifact, to compare with on the page."""
    data: Path | None = None
    """A data set whose users the page offers as examples."""
    changes: Path | None = None
    """File of hidden and new items; ARTIFACT.changes if not given."""
    report: Path | None = None
    """Folder that ``prismrec evaluate --report`` wrote, for the page's health view."""

    @property
    def journal(self) -> Path:
        """The file of changes."""
        return self.changes or self.artifact.with_name(self.artifact.name + ".changes")
