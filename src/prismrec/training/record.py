"""Records of a run, as JSON: for the manifest of an artifact and for the command line."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from prismrec.data import Split
from prismrec.evaluation import describe_environment
from prismrec.training.trained import Trained


def with_record(trained: Trained, split: Split) -> Trained:
    """Return the same result; ``recommender.about``, and so its artifact, has the record of it.

    Args:
        trained: The result of ``fit``.
        split: What it was trained on.
    """
    about = {
        "run": trained.settings,
        "result": run_summary(trained),
        **trained.notes,
        **({"start": trained.start} if trained.start else {}),
        **_data_record(split),
        "split": split.how if split.is_unchanged else f"{split.how}; its parts were replaced",
        **_environment(),
    }
    return replace(trained, recommender=replace(trained.recommender, about=about))


def _environment() -> dict[str, str]:
    """Return the environment; the command only of prismrec: another program's may have secrets."""
    program, found = Path(sys.argv[0]), describe_environment()
    if "prismrec" not in (program.name, program.parent.name):  # prismrec/__main__.py with -m
        del found["command"]
    return found


def _data_record(split: Split) -> dict[str, Any]:
    """Return the fingerprints of the data set, its split, and how its events are weighted.

    Without them, nobody can check whether a test user was in the training, or, of a split by time,
    the test events of another night; and a service does not know which events are dislikes. A split
    that no protocol made, or whose parts were replaced, does not have them.
    """
    dataset = split.dataset
    if dataset is None or split.protocol is None or not split.is_unchanged:
        return {}
    return {
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "ids_fingerprint": dataset.ids_fingerprint,
            "split": dict(split.protocol),
            **(split.begins or {}),
            **{name: value for name, value in dataset.how.items() if name == "weighting"},
        }
    }


def run_summary(trained: Trained) -> dict[str, Any]:
    """Return the number of steps, the best validation metric and the speed of a run."""
    result = trained.result
    return {
        "steps": result.steps,
        "best_step": result.best_step,
        "validation": result.best,
        "seconds": round(result.seconds, 1),
        "pairs_per_second": round(result.pairs_per_second),
    }
