"""The exposure log: which list each user of an experiment got, as JSON lines.

    exposures = read_exposures("exposures/")
    exposures.frame       # one row per list: user, time, variant, overridden, items

A file begins with a header that defines the experiment; each further line is one list. A process
appends only to files that it created, so a crash can only cut off the last line of a file. Files
may be compressed later. Users are hashed with a secret: without it, nobody can check whether a
person is in the log.
"""

import hmac
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeGuard

import polars as pl
import pyarrow as pa

from prismrec.errors import DataError, UnknownName, check_type, is_utf8
from prismrec.io import track

FORMAT = "prismrec-exposures"
"""The value of ``format`` in the header of a file."""
VERSION = 1
"""The value of ``version`` in the header of a file."""
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "user": pl.String,
    "time": pl.Int64,
    "variant": pl.String,
    "overridden": pl.Boolean,
    "items": pl.List(pl.String),
}
REQUEST = "request"
"""The field by which a second list differs from a repeated line; no column of the frame."""
ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
"""Endings of the files of a folder that are read."""


@dataclass(frozen=True)
class Exposures:
    """The lists that the users of one experiment got."""

    experiment: str
    shares: Mapping[str, float]
    """Share of the users per variant; the first variant is the control."""
    frame: pl.DataFrame
    """One row per list: ``user`` (hashed), ``time`` (microseconds since 1970 UTC), ``variant``,
    ``overridden`` (the request set an option that the experiment varies) and ``items``."""
    files: int
    torn: int = 0
    """Number of last lines that a crash cut off; they are left out."""
    rejected: int = 0
    """Number of other lines that are no exposure; they are left out."""
    repeated: int = 0
    """Number of lines that are in the log more than once; each counts once."""
    other_files: tuple[str, ...] = ()
    """Names of what else is in the folder; it is not read."""
    definition: Mapping[str, Any] = field(default_factory=dict)
    """The experiment as the headers describe it; other fields than the names and shares of the
    variants are not checked."""


@dataclass
class _Found:
    """What the files of a log contain."""

    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Definition in the header, by name of the experiment."""
    contradictions: dict[str, Path] = field(default_factory=dict)
    """By name of the experiment, the first file with another definition."""
    columns: dict[str, dict[str, list[Any]]] = field(
        default_factory=lambda: defaultdict(lambda: {name: [] for name in [*SCHEMA, REQUEST]})
    )
    """The columns of the frame and the request of each list, by name of the experiment."""
    torn: int = 0
    rejected: int = 0

    def add(self, line: bytes, path: Path) -> None:
        """Add one line, or count it if it cannot be used.

        Raises:
            DataError: The header is of another format or version.
        """
        if not line.endswith(b"\n"):
            self.torn += 1
            return
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            self.rejected += 1
            return
        if isinstance(record, dict) and "format" in record:
            self._define(record, path)
        elif _is_exposure(record) and record["variant"] in self._variants(record["experiment"]):
            columns = self.columns[record["experiment"]]
            for name in SCHEMA:
                columns[name].append(record[name])
            columns[REQUEST].append(str(record.get(REQUEST)))
        else:
            self.rejected += 1

    def _define(self, header: dict[str, Any], path: Path) -> None:
        definition = header.get("experiment")
        known = (header["format"], header.get("version")) == (FORMAT, VERSION)
        if not known or not _is_definition(definition):
            raise DataError(
                f"The exposure log {path} has another format or version, or no definition of an "
                f"experiment; this version reads {FORMAT} {VERSION}."
            )
        if self.definitions.setdefault(definition["name"], definition) != definition:
            self.contradictions.setdefault(definition["name"], path)

    def check(self, experiment: str) -> None:
        """Check that all files define this experiment alike; others are not checked.

        Raises:
            DataError: Two files differ.
        """
        if path := self.contradictions.get(experiment):
            raise DataError(
                f"The exposure log {path} defines the experiment {experiment!r} otherwise "
                "than another file does; analyze the files of one definition only, and use a new "
                "name whenever an experiment changes."
            )

    def _variants(self, experiment: str) -> list[str]:
        definition = self.definitions.get(experiment, {"variants": []})
        return [variant["name"] for variant in definition["variants"]]


def exposure_header(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of a file.

    Args:
        definition: ``name``, and ``variants`` with ``name`` and ``share``, the control first;
            further fields that change whenever the experiment does.
    """
    return {"format": FORMAT, "version": VERSION, "experiment": definition}


def exposure_line(
    *, request: str, time: int, user: str, experiment: str, variant: str,
    overridden: bool, items: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """Return one line of a file; ``user`` is hashed, ``time`` is in microseconds since 1970 UTC."""
    return {
        "request": request,
        "time": time,
        "user": user,
        "experiment": experiment,
        "variant": variant,
        "overridden": overridden,
        "items": items,
    }


def read_exposures(source: str | Path, experiment: str | None = None) -> Exposures:
    """Read the exposures of one experiment.

    Args:
        source: A file, or a folder of files that end in one of ``ENDINGS``. Lines that are equal in
            all fields, as in a copy of a file, count once.
        experiment: Name of the experiment; None if there is only one.

    Raises:
        DataError: There is no file or no exposure, files define the experiment differently, or
            there are several experiments and none was chosen.
        UnknownName: The log does not have the experiment.

    Cost: O(exposures) time and memory.
    """
    paths, other_files = _paths(Path(source))
    found = _Found()
    for path in track(paths, "reading the exposures", len(paths)):
        for line in _lines(path):
            found.add(line, path)
    names = list(found.definitions)
    if experiment is None and len(names) > 1:
        raise DataError(
            f"{source} has several experiments ({', '.join(sorted(names))}); choose one by its "
            "name (experiment, or --experiment NAME)."
        )
    if experiment is not None and experiment not in names:
        raise UnknownName.among("experiment", experiment, names)
    name = experiment or next(iter(names), "")
    found.check(name)
    if not found.columns[name]["user"]:
        raise DataError(f"{source} has no exposure; run a service with an experiment first.")
    shares = {each["name"]: float(each["share"]) for each in found.definitions[name]["variants"]}
    lines = pl.DataFrame(found.columns[name], schema=SCHEMA | {REQUEST: pl.String})
    frame = lines.unique(maintain_order=True).drop(REQUEST)
    return Exposures(
        experiment=name,
        shares=shares,
        frame=frame,
        files=len(paths),
        torn=found.torn,
        rejected=found.rejected,
        repeated=len(lines) - len(frame),
        other_files=other_files,
        definition=found.definitions[name],
    )


def hash_user(user: str, secret: bytes) -> str:
    """Return the id under which a user is logged: a keyed hash (HMAC-SHA256) of 32 hex digits.

    Raises:
        ConfigError: The secret is no bytes.
    """
    check_type("secret", secret, bytes, "bytes; write secret.encode()")
    return hmac.digest(secret, user.encode(), "sha256").hex()[:32]


def _paths(source: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return the files of a log, and the names of what else is in its folder."""
    inside = sorted(source.iterdir()) if source.is_dir() else [source]
    paths = [path for path in inside if path == source or path.name.endswith(ENDINGS)]
    if not paths or not all(path.is_file() for path in paths):
        raise DataError(
            f"No exposure log at {source}; give a file, or a folder with files that end in "
            f"{', '.join(ENDINGS)}."
        )
    return paths, tuple(path.name for path in inside if path not in paths)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file; the ending of its name decides whether it is compressed.

    Raises:
        DataError: The file cannot be decompressed.
    """
    if path.suffix not in (".gz", ".zst"):
        with path.open("rb") as file:
            yield from file
        return
    try:
        with pa.input_stream(str(path)) as stream, BufferedReader(stream) as file:
            yield from file
    except OSError as error:
        raise DataError(
            f"The exposure log {path} cannot be decompressed ({error}); compress it again."
        ) from error


def _is_exposure(record: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a value has the fields of an exposure, each of its type."""
    if not isinstance(record, dict):
        return False
    texts = [record.get(name) for name in ("user", "experiment", "variant")]
    time, items = record.get("time"), record.get("items")
    return (
        all(map(_is_text, texts))
        and type(time) is int
        and -(2**63) <= time < 2**63
        and isinstance(record.get("overridden"), bool)
        and isinstance(items, list)
        and all(map(_is_text, items))
    )


def _is_definition(definition: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a value has a name, and variants with different names and shares above 0."""
    if not isinstance(definition, dict) or not _is_text(definition.get("name")):
        return False
    variants = definition.get("variants")
    return (
        isinstance(variants, list)
        and all(
            isinstance(each, dict)
            and _is_text(each.get("name"))
            and isinstance(each.get("share"), int | float)
            and 0 < each["share"] < 1
            for each in variants
        )
        and len({each["name"] for each in variants}) == len(variants) > 1
    )


def _is_text(value: object) -> bool:
    """Return whether a value is a text without half a surrogate pair, which JSON allows."""
    return isinstance(value, str) and is_utf8(value)
