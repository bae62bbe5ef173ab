"""Every error this package raises on purpose.

Each message is one sentence of three parts: what was asked, what is wrong with the value in
it, what to do. Each class also derives from the builtin a caller would expect, so
``except ValueError`` keeps working for people who never import this module.

    PrismrecError
    ├── ConfigError     (ValueError)    an option has an impossible value
    ├── DataError       (ValueError)    the event log, catalog or a file is unusable
    ├── UnknownName     (LookupError)   no component, item or user of that name
    ├── TrainingError   (RuntimeError)  training cannot go on: NaN, out of range
    ├── StoreError      (RuntimeError)  what the service keeps cannot be read or written now
    └── MissingExtra    (ImportError)   an optional dependency is not installed
"""

import difflib
from collections.abc import Collection
from typing import Self


class PrismrecError(Exception):
    """Base of every deliberate error of this package."""


class ConfigError(PrismrecError, ValueError):
    """An option has a value that cannot work."""


class DataError(PrismrecError, ValueError):
    """The data cannot be used as it is."""


class TrainingError(PrismrecError, RuntimeError):
    """Training met something it must not go on from."""


class StoreError(PrismrecError, RuntimeError):
    """What the service keeps, events or changes, cannot be read or written now."""


class UnknownName(PrismrecError, LookupError):
    """A name that nothing here answers to."""

    @classmethod
    def among(cls, kind: str, name: str, known: Collection[str]) -> Self:
        """Say which name was probably meant, and which exist unless they are too many to read.

        A catalog is: an error must not print it, nor cost a pass over a large one.
        """
        if len(known) > 1_000:
            return cls(f"No {kind} named {name!r} among the {len(known):,} known.")
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        if len(known) > 30:
            return cls(f"No {kind} named {name!r} among the {len(known):,} known.{hint}")
        return cls(f"No {kind} named {name!r}.{hint} Known: {', '.join(names)}.")


class MissingExtra(PrismrecError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def for_(cls, what: str, extra: str) -> Self:
        """Name the command that installs it."""
        return cls(
            f"{what} needs an optional dependency: pip install '.[{extra}]' in a checkout of "
            "prismrec."
        )
