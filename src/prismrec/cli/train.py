"""``prismrec train``: from a data set folder to an artifact."""

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter

from prismrec.cli._output import print_note, print_output
from prismrec.cli._progress import Progress
from prismrec.cli._tensorboard import tensorboard_writer
from prismrec.data import load_dataset, load_split, read_dataset_manifest
from prismrec.errors import ConfigError
from prismrec.recommend import save
from prismrec.training import (
    LAST,
    RunConfig,
    TrainConfig,
    Trained,
    dataset_stats,
    describe_defaults,
    fit,
    resolve_defaults,
    run_record,
    run_summary,
    with_one_interest,
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What concerns this sitting of a run and none of its numbers."""

    resume: bool = False
    """Go on from the checkpoint in OUT.run, to the very result of an unbroken run."""
    single: bool = True
    """Also train the same model with one interest, into OUT-k1, to be shown beside it."""
    tensorboard: Path | None = None
    """Folder for TensorBoard scalars; needs the extra 'tensorboard'."""
    threads: int | None = None
    """Threads of torch; its own choice if not given. On a busy machine 1 is often fastest."""
    quiet: bool = False
    """Show no progress."""
    as_json: Annotated[bool, Parameter(name="--json")] = False
    """Print one JSON object."""


def train(
    data: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    run_config: Annotated[RunConfig, Parameter(name="*")] = RunConfig(),  # noqa: B008 -- frozen
    training: Annotated[TrainConfig, Parameter(name="*")] = TrainConfig(),  # noqa: B008
    sitting: Annotated[RunOptions, Parameter(name="*")] = RunOptions(),
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
) -> None:
    """Train a model on a data set folder and save it as an artifact.

    Every flag can stand in a TOML file, given as --config FILE: flag, then file, then default.

    Args:
        data: Folder made by 'prismrec prepare'.
        out: Folder of the artifact; checkpoints stand in OUT.run.
        run_config: Parts of the model and of what is minimised.
        training: How to train.
        sitting: What changes no number.
        set_: An option of the extractor, as --set hidden=256; may be repeated.
    """
    torch.set_num_threads(sitting.threads or torch.get_num_threads())
    run_config = replace(run_config, options={**run_config.options, **parse_options(set_ or [])})
    dataset, manifest = load_dataset(data), read_dataset_manifest(data)
    split = load_split(data, dataset)
    settled, paced = resolve_defaults(run_config, training, dataset_stats(split, dataset.catalog))
    by_rule = [
        part
        for part in (describe_defaults(run_config, settled), describe_defaults(training, paced))
        if part
    ]
    if by_rule:
        print_note(f"By rule, each a flag: {', '.join(by_rule)}.", quiet=sitting.quiet)
    training, plans = paced, {out: settled}
    if sitting.single and settled.interests != 1:
        plans[out.with_name(out.name + "-k1")] = with_one_interest(settled)
    trained: dict[Path, Trained] = {}
    for place, config in plans.items():
        with ExitStack() as stack:
            also = stack.enter_context(tensorboard_writer(sitting.tensorboard, place.name))
            progress = Progress(place.name, quiet=sitting.quiet or sitting.as_json, also=also)
            folder = place.with_name(place.name + ".run")
            trained[place] = fit(
                split,
                dataset.catalog,
                config,
                training,
                folder=folder,
                resume=sitting.resume and (folder / LAST).exists(),
                on_step=stack.enter_context(progress).step,
            )
        if trained[place].result.interrupted:
            print_note(f"stopped at step {trained[place].result.steps}; go on with --resume.")
            raise KeyboardInterrupt
        about = run_record(trained[place], manifest, split.how)
        save(trained[place].recommender, place, about=about)
        (place / "run.toml").write_text(to_toml(trained[place].settings), encoding="utf-8")
    for place in plans:
        shutil.rmtree(place.with_name(place.name + ".run"), ignore_errors=True)
    summary = {str(place): run_summary(found) for place, found in trained.items()}
    lines = [line for place, found in trained.items() for line in lines_of(place, found)]
    lines.append(f"next: prismrec evaluate {out} {data}")
    print_output(summary, lines, as_json=sitting.as_json)


def lines_of(place: Path, trained: Trained) -> list[str]:
    """Tell a person what a run came to."""
    result, settings = trained.result, trained.settings
    best = f", {settings['validate_on']}@50 {result.best:.4f} on validation" if result.best else ""
    number = settings["interests"]
    interests = "1 interest" if number == 1 else f"{number} interests"
    return [
        f"{place}: {settings['extractor']}, {interests}{best}",
        f"  best at step {result.best_step} of {result.steps}, {result.seconds:.0f} s, "
        f"{result.pairs_per_second:,.0f} training pairs a second",
        *(f"  {print_note}" for print_note in trained.notes.values()),
    ]


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Read ``["hidden=256", "positions=slot"]``: JSON where it is JSON, else text.

    Raises:
        ConfigError: A pair without ``=``.
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
    """Write flat settings as TOML that ``--config`` reads; what is None is left out."""
    lines = [
        f"{name} = {json.dumps(value)}"
        for name, value in settings.items()
        if value is not None and not isinstance(value, dict)
    ]
    pairs = [f"{n}={json.dumps(v)}" for n, v in settings.get("options", {}).items()]
    if pairs:
        lines.append(f"set = {json.dumps(pairs)}")
    return "\n".join(lines) + "\n"
