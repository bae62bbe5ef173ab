"""Keys by scope, from environment variables and from a file that is read again when it changes.

    PRISMREC_READ_KEYS=KEY,KEY          # fixed until the next start
    PRISMREC_KEYS_FILE=/etc/prism/keys  # one line per key: its scope, a space, the key; no comment

To replace a key without a restart: add the new line, let all callers change, remove the old line.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from prismrec.errors import ConfigError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each scope includes those before it."""
SHORTEST = 16
"""Smallest number of characters of a key; a shorter key can be guessed."""
LOOK = 1.0
"""Seconds between two looks at the file."""
FILE = "PRISMREC_KEYS_FILE"
log = logging.getLogger("prismrec.service")


@dataclass(frozen=True)
class Keys:
    """Keys by scope; they never appear in a message, a log record or an answer."""

    by_scope: Mapping[Scope, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Keys":
        """Read PRISMREC_READ_KEYS, PRISMREC_WRITE_KEYS, PRISMREC_ADMIN_KEYS and the file.

        Raises:
            ConfigError: A key is too short, or not printable ASCII; or the file of
                PRISMREC_KEYS_FILE cannot be read, or has no key.
        """
        fixed: dict[Scope, tuple[str, ...]] = {}
        for scope in SCOPES:
            name = f"PRISMREC_{scope.upper()}_KEYS"
            words = environment.get(name, "").split(",")
            if keys := tuple(_checked(key.strip(), name) for key in words if key.strip()):
                fixed[scope] = keys
        path = environment.get(FILE)
        return cls(KeyFile(Path(path), fixed) if path else fixed)

    def __bool__(self) -> bool:
        return bool(self.by_scope)


class KeyFile(Mapping[Scope, tuple[str, ...]]):
    """The keys of a file, and fixed ones. A file that becomes invalid changes nothing.

    Args:
        path: The file.
        fixed: Keys that do not change.

    Raises:
        ConfigError: The file cannot be read, has no key, or has a line that is no key.
    """

    def __init__(self, path: Path, fixed: Mapping[Scope, tuple[str, ...]]) -> None:
        self.path, self.fixed = path, fixed
        self.stamp, self.looked = self._stamp(), time.monotonic()
        self.keys_now = self._read()

    def __getitem__(self, scope: Scope) -> tuple[str, ...]:
        self._look()
        return self.keys_now[scope]

    def __iter__(self) -> Iterator[Scope]:
        return iter(self.keys_now)

    def __len__(self) -> int:
        return len(self.keys_now)

    def _look(self) -> None:
        """Read the file again if it changed since the last look, at most once per second."""
        now = time.monotonic()
        if now - self.looked < LOOK:
            return
        self.looked, stamp = now, self._stamp()
        if stamp == self.stamp:
            return
        self.stamp = stamp
        try:
            self.keys_now = self._read()
            log.info("keys read", extra={"fields": {"keys": sum(map(len, self.keys_now.values()))}})
        except ConfigError as error:
            log.error("keys not read; the old ones stay", extra={"fields": {"reason": str(error)}})

    def _stamp(self) -> tuple[int, int, int]:
        try:
            status = self.path.stat()
        except OSError:
            return 0, 0, 0
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> dict[Scope, tuple[str, ...]]:
        try:
            lines = self.path.read_text("utf-8-sig").splitlines()  # a mark may begin it
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                f"The file of keys {self.path} cannot be read; make it readable for this user."
            ) from None
        found = {scope: list(keys) for scope, keys in self.fixed.items()}
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            scope, key = words[0], " ".join(words[1:])
            if scope not in SCOPES:  # the line is not repeated: it may be a key
                raise ConfigError(
                    f"Line {number} of the file of keys {self.path} does not begin with read, "
                    "write or admin; write for example: read KEY."
                )
            if len(words) > 2:  # such as a comment, which would be a part of the key
                raise ConfigError(
                    f"Line {number} of the file of keys {self.path} has more than a scope and a "
                    "key; write a comment on a line of its own, and for example: read KEY."
                )
            found.setdefault(scope, []).append(_checked(key, f"line {number}"))
        if not found:
            raise ConfigError(
                f"The file of keys {self.path} has no key; write for example: read KEY."
            )
        return {scope: tuple(keys) for scope, keys in found.items()}


def _checked(key: str, where: str) -> str:
    """Return a key that is long enough and can be sent in a header."""
    if len(key) < SHORTEST or not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"A key in {where} is shorter than {SHORTEST} characters or not plain ASCII; make one "
            "with: python -c 'import secrets; print(secrets.token_urlsafe(24))'."
        )
    return key
