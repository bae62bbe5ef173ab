"""What the health view tells of a model, and whether what it is told from belongs to the model."""

import json
from pathlib import Path
from typing import Any

from prismrec.data import load_dataset, load_split
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation import diagnose
from prismrec.recommend import Recommender, check_trained_on, read_artifact_manifest
from prismrec.service.settings import ServePaths

DIAGNOSED = 200
"""Users of the data set on whom the interests are diagnosed."""
REPORT = "report.json"


def check_places(places: ServePaths) -> None:
    """Refuse to serve what is not there, or a data set that the artifact was not trained on.

    Raises:
        DataError: No artifact, no data set, or one whose ids are not those of the training.
        ConfigError: No report.
    """
    read_artifact_manifest(places.artifact)
    if places.compare_with:
        read_artifact_manifest(places.compare_with)
    if places.report and not (places.report / REPORT).is_file():
        raise ConfigError(
            f"No report at {places.report}: it has no {REPORT}; make one with 'prismrec evaluate "
            "--report'."
        )
    if places.data:
        check_trained_on(places.artifact, places.data)


def report_in(folder: Path | None) -> dict[str, Any] | None:
    """Give what ``prismrec evaluate --report`` wrote, if it is there and whole."""
    try:
        return dict(json.loads((folder / REPORT).read_text("utf-8"))) if folder else None
    except (OSError, ValueError, TypeError):
        return None


def diagnosed(recommender: Recommender, data: Path) -> dict[str, Any]:
    """Diagnose the interests on users of validation; notes alone where that cannot be."""
    dataset = load_dataset(data)
    if not recommender.catalog.begins_with(dataset.catalog):
        note = "The interests are not diagnosed: this artifact numbers other items than --data."
        return {"notes": [note]}
    try:
        cases = load_split(data, dataset).valid[:DIAGNOSED]
        return dict(json.loads(diagnose(recommender, cases).to_json()))
    except DataError as error:
        return {"notes": [str(error)]}
