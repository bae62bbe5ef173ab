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
import math
import reprlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, NoReturn, Self, TypeGuard, TypeVar

K = TypeVar("K")
V = TypeVar("V")


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

    The innermost error of the system states it best, such as "Connection refused": those around it
    repeat it with addresses, numbers of attempts and names of classes.
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


class ReadOnlyDict(dict[K, V]):
    """A mapping in options: it cannot be changed, since many lists may share it as a default."""

    def _refuse(self, *_values: Any, **_named: Any) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(
            f"A value of {described(dict(self))} was to be changed, but options are checked once "
            "and cannot be changed; make other options with dataclasses.replace."
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: that of a dictionary sets one value after the other."""
        return type(self), (dict(self),)


_SHOWN = (NoneType, bool, str, bytes, int, float, list, tuple, dict, ReadOnlyDict, set, frozenset)
"""Types whose values a message shows; of other values it names the type."""


def described(value: object) -> str:
    """Return a value for a message: short, in one line."""
    return reprlib.repr(value) if type(value) in _SHOWN else f"of type {type(value).__name__}"


def check_type(
    name: str, value: object, kind: type | UnionType | tuple[type, ...], needed: str
) -> None:
    """Raise ConfigError for an argument of another type.

    Args:
        name: Name of the argument.
        value: Its value.
        kind: The type that it must have.
        needed: What it must be, and what to write: "a Catalog; pass dataset.catalog".
    """
    if not isinstance(value, kind):
        raise ConfigError(f"{name} is {described(value)}, but must be {needed}.")


def is_whole(value: object, least: float = -math.inf, most: float = math.inf) -> TypeGuard[int]:
    """Return whether a value is a whole number of Python or NumPy in a range; a bool is not."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return least <= int(value) <= most


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number of Python or NumPy; a bool is not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def is_utf8(text: str) -> bool:
    """Return whether a text can be written as UTF-8: JSON may have half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_whole_number(name: str, value: object, needed: str) -> None:
    """Raise ConfigError for an argument that is no whole number: see ``check_type``."""
    if not is_whole(value):
        raise ConfigError(f"{name} is {described(value)}, but must be {needed}.")


def to_python(value: object) -> Any:
    """Return numbers and arrays of NumPy as those of Python, in lists and dictionaries too."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {to_python(key): to_python(each) for key, each in value.items()}
    if isinstance(value, list):
        return [to_python(each) for each in value]
    if type(value) is tuple:  # not one with names
        return tuple(map(to_python, value))
    return value


def store_as_python(settings: object, *names: str) -> None:
    """Replace fields of a frozen dataclass by what ``to_python`` returns, mappings read-only."""
    for name in names:
        value = to_python(getattr(settings, name))
        stored = ReadOnlyDict(value) if isinstance(value, dict) else value
        object.__setattr__(settings, name, stored)


def list_of_texts(values: object, whole: str, each: str) -> list[str]:
    """Return texts as a list.

    Args:
        values: The texts.
        whole: What they are, with a verb: "keep_events is".
        each: What one of them is: "A kind in keep_events".

    Raises:
        ConfigError: It is a text instead of a list of texts, another value, an iterator, which can
            be read only once, or a data frame; or one of them is no text.
    """
    if isinstance(values, str | bytes):
        raise ConfigError(
            f"{whole} the text {values[:40]!r}, but must be a list; write [{values[:40]!r}]."
        )
    if isinstance(values, Iterator):
        raise ConfigError(
            f"{whole} of type {type(values).__name__}, which can be read only once, but must be a "
            "list; write list(…)."
        )
    if hasattr(values, "columns"):  # a data frame: to iterate it yields the names of its columns
        raise ConfigError(
            f"{whole} of type {type(values).__name__}, but must be a list; pass one of its "
            "columns, as frame['item']."
        )
    if not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise ConfigError(
            f"{whole} {str(values)[:40]}, but must be a list of texts; write ['a', 'b']."
        )
    texts = list(values)
    for text in texts:
        if not isinstance(text, str):
            raise ConfigError(
                f"{each} {str(text)[:40]} is of type {type(text).__name__}, but must be a text; "
                f"{_advice_for(text)}."
            )
    return list(map(str.__str__, texts))  # of texts of NumPy, those of Python


def _advice_for(value: object) -> str:
    """Return what to do with a value in a list of texts."""
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    if missing or (isinstance(value, Real) and math.isnan(value)):
        return "it is missing, so leave it out"
    if isinstance(value, bytes):
        return f"decode it, as {value[:40]!r}.decode()"
    return f"write {str(value)[:40]!r}"


def list_of_ids(names: object, kind: str = "item") -> list[str]:
    """Return ids as a list: see ``list_of_texts``."""
    return list_of_texts(names, f"The {kind} ids are", f"The {kind} id")
