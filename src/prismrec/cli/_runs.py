"""What ``prismrec train`` reads and writes besides the data: options, checkpoints, the artifact."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import tomli_w

from prismrec.cli._output import print_note, wrapped
from prismrec.errors import ConfigError
from prismrec.io import describe_write_errors, only_writer
from prismrec.recommend import save
from prismrec.training import LAST, Trained, run_record


def save_trained(
    trained: Trained, folder: Path, manifest: dict[str, Any], how: str, start: Path | None = None
) -> None:
    """Save a trained recommender and its settings as an artifact.

    Args:
        trained: The recommender.
        folder: Folder of the artifact.
        manifest: Manifest of the data set.
        how: How the data set was split.
        start: The earlier artifact of a warm start.
    """
    settings = trained.settings
    if start:
        reused = {"forming", "rules"} - {*trained.start["chosen_again"]}
        kept = {n: value for n, value in settings.items() if n not in reused or value is not True}
        settings = kept | {"from": str(start)}  # with forming = true it would be chosen again
    save(trained.recommender, folder, about=run_record(trained, manifest, how))
    (folder / "run.toml").write_text(to_toml(settings), encoding="utf-8")


@contextmanager
def checkpoint_folder(folder: Path, *, resume: bool) -> Iterator[None]:
    """Make the folder of the checkpoints of an artifact; no other training may write there.

    Raises:
        DataError: Another training writes there.
    """
    checkpoints = checkpoints_of(folder)
    if resume and not (checkpoints / LAST).exists():
        print_note(f"No checkpoint in {checkpoints}: {folder} is trained from the beginning.")
    with describe_write_errors(checkpoints):
        checkpoints.mkdir(parents=True, exist_ok=True)
    with only_writer(checkpoints, folder):
        try:
            yield
        finally:
            with suppress(OSError):  # it has checkpoints
                checkpoints.rmdir()


def checkpoints_of(folder: Path) -> Path:
    """Return the folder of the checkpoints of an artifact in training."""
    return folder.with_name(folder.name + ".run")


def summary_lines(folder: Path, trained: Trained) -> list[str]:
    """Return the lines that report the result of a run."""
    result, settings = trained.result, trained.settings
    best = "" if result.best is None else f", {trained.metric} {result.best:.4f} on validation"
    number = settings["interests"]
    interests = "1 interest" if number == 1 else f"{number} interests"
    return [
        f"{folder}: {settings['extractor']}, {interests}{best}",
        f"  best at step {result.best_step} of {result.steps}, {result.seconds:.0f} s, "
        f"{result.pairs_per_second:,.0f} training pairs per second",
        *(wrapped(f"  {note}", indent=" " * 4) for note in trained.notes.values()),
    ]


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Parse ``["hidden=256", "positions=slot"]``: values are JSON if they parse, else text.

    Raises:
        ConfigError: A pair has no ``=``.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set was given {pair!r}; write NAME=VALUE, as --set hidden=256.")
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as TOML that ``--config`` reads, without those that are None."""
    flags = {name: value for name, value in settings.items() if value is not None}
    options = flags.pop("options", {})
    if options:
        flags["set"] = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    return tomli_w.dumps(flags)
