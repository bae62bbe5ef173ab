"""Records of a run, as JSON: for the manifest of an artifact and for the command line."""

from typing import TYPE_CHECKING, Any

from prismrec.evaluation import describe_environment

if TYPE_CHECKING:
    from prismrec.training.fit import Trained


def run_record(trained: "Trained", dataset: dict[str, Any], how: str) -> dict[str, Any]:
    """Return the record of a run for the manifest of its artifact.

    Args:
        trained: The result of ``fit``.
        dataset: Manifest of the data set.
        how: Description of the split.
    """
    return {
        "run": trained.settings,
        "result": run_summary(trained),
        **trained.notes,
        **({"start": trained.start} if trained.start else {}),
        "dataset": {
            **{n: dataset[n] for n in ("fingerprint", "ids_fingerprint", "split")},
            **{n: v for n, v in dataset.get("how", {}).items() if n == "weighting"},
        },
        "split": how,
        **describe_environment(),
    }


def run_summary(trained: "Trained") -> dict[str, Any]:
    """Return the number of steps, the best validation metric and the speed of a run."""
    result = trained.result
    return {
        "steps": result.steps,
        "best_step": result.best_step,
        "validation": result.best,
        "seconds": round(result.seconds, 1),
        "pairs_per_second": round(result.pairs_per_second),
    }
