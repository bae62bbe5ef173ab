"""Every error this package raises on purpose.

Each message is one sentence of three parts: what was asked, what is wrong with a value that
it names, what to do. Each class also derives from the builtin a caller would expect, so
``except ValueError`` keeps working for people who never import this module.

    PrismrecError
    ├── ConfigError     (ValueError)    an option has an impossible value
    ├── DataError       (ValueError)    the event log, catalog or a file is unusable
    │   └── DownloadError               a file cannot be downloaded
    ├── UnknownName     (LookupError)   no component, item or user of that name
    ├── TrainingError   (RuntimeError)  training cannot continue: NaN, out of range
    ├── StoreError      (RuntimeError)  stored events cannot be read or written now
    └── MissingExtra    (ImportError)   an optional dependency is not installed
"""

import difflib
from collections.abc import Collection, Sequence
from typing import Self


class PrismrecError(Exception):
    """Base of every deliberate error of this package."""


class ConfigError(PrismrecError, ValueError):
    """An option has a value that cannot work."""


class DataError(PrismrecError, ValueError):
    """The data cannot be used as it is."""


class DownloadError(DataError):
    """A file cannot be downloaded at the moment."""


class TrainingError(PrismrecError, RuntimeError):
    """Training cannot continue."""

    @classmethod
    def of_tracker(cls, program: str, error: Exception, variable: str) -> Self:
        """Return an error for a run that a program cannot track."""
        return cls(f"{program} cannot start the run ({reason_of(error)}); check {variable}.")


class StoreError(PrismrecError, RuntimeError):
    """Stored events, changes or vectors cannot be read or written at the moment."""


class UnknownName(PrismrecError, LookupError):
    """There is no component, item or user of that name."""

    @classmethod
    def among(cls, kind: str, name: str, known: Collection[str]) -> Self:
        """Return an error that suggests the closest name and lists the known ones.

        A catalog has too many names for either: the error gives their count only.
        """
        among = f"No {kind} named {name!r} among the {len(known):,} known; check the spelling."
        if len(known) > 1_000:
            return cls(among)
        names = sorted(known)
        hint = did_you_mean(name, names)
        if len(known) > 30:
            return cls(f"{among}{hint}")
        return cls(f"No {kind} named {name!r}.{hint} Known: {', '.join(names)}.")


class MissingExtra(PrismrecError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def for_(cls, what: str, extra: str) -> Self:
        """Return an error with the command that installs it."""
        return cls(f"{what} needs an optional dependency: pip install 'prismrec[{extra}]'.")


def reason_of(error: BaseException) -> str:
    """Return on one short line why a library failed.

    The innermost error of the system is the shortest, such as "Connection refused": those around
    it repeat it with addresses, numbers of attempts and names of classes.
    """
    reason, cause = str(error), error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, OSError):
            reason = cause.strerror or str(cause)
        cause = cause.__cause__ or cause.__context__
    return reason.partition("\n")[0].rstrip(".")[:200]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a sentence that suggests the closest known name; "" if none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
