"""The diagnostics of a model and the evaluation report, as the health report shows them."""

import json
from pathlib import Path
from typing import Any

from prismrec.data import load_dataset, load_split
from prismrec.errors import DataError
from prismrec.evaluation import REPORT_FILE, diagnose
from prismrec.recommend import Recommender

USERS = 200
"""Validation users whose interests are diagnosed."""


def read_report(folder: Path | None) -> dict[str, Any] | None:
    """Return the report that ``prismrec evaluate --report`` wrote; None if it cannot be read."""
    try:
        return dict(json.loads((folder / REPORT_FILE).read_text("utf-8"))) if folder else None
    except (OSError, ValueError, TypeError):
        return None


def diagnose_interests(recommender: Recommender, data: Path) -> dict[str, Any]:
    """Return the diagnostics of the interests on validation users, or only notes on why not."""
    dataset = load_dataset(data)
    if not recommender.catalog.begins_with(dataset.catalog):
        note = (
            "The interests are not diagnosed: the artifact and the data set of --data number their "
            "items differently."
        )
        return {"notes": [note]}
    try:
        cases = load_split(data, dataset).valid[:USERS]
        return dict(json.loads(diagnose(recommender, cases).to_json()))
    except DataError as error:
        return {"notes": [str(error)]}
