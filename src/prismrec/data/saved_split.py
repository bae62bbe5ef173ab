"""The split of a data set folder: a protocol and its options, from which the split is computed.

    split = load_split("beauty/", load_dataset("beauty/"))

The folder of a data set that was saved without a split is split by user, with the defaults.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prismrec.data.dataset import Dataset
from prismrec.data.split import SPLITS, Split, make_split
from prismrec.data.storage import MANIFEST, read_dataset_manifest
from prismrec.errors import DataError

USUAL: Mapping[str, Any] = {"name": "by-user", "options": {}}
"""The split of a folder that has none."""


def load_split(folder: str | Path, dataset: Dataset) -> Split:
    """Split a data set as its manifest specifies; by-user with the defaults if it has no split.

    Args:
        folder: A folder that ``save_dataset`` wrote.
        dataset: The data set of this folder.

    Raises:
        DataError: There is no manifest, this version cannot read it, or its split is not possible
            for the data set.
        UnknownName: The manifest has an unknown split.

    Cost: that of the split.
    """
    split = read_dataset_manifest(folder)["split"] or USUAL
    try:
        return make_split(dataset, split["name"], **split["options"])
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{Path(folder) / MANIFEST} has a split that is not possible ({error}); prepare it "
            "again."
        ) from error


def describe_protocol(saved: Mapping[str, Any] | None) -> str:
    """Return a protocol with the values of all its options; two equal splits have equal texts.

    Args:
        saved: The ``split`` of a manifest; None is the split of a folder that has none.
    """
    name, given = (saved or USUAL)["name"], (saved or USUAL)["options"]
    options = dict(given)
    if name in SPLITS:
        parameters = list(inspect.signature(SPLITS[name]).parameters.values())[1:]
        options = {each.name: each.default for each in parameters} | options
    if options.get("valid_from") is not None:  # the shares are not used
        options = {key: options[key] for key in options if key not in ("valid", "test")}
    shown = ", ".join(f"{n} {_number(value)}" for n, value in options.items() if value is not None)
    return f"{name} ({shown})" if shown else str(name)


def _number(value: object) -> str:
    """Return a number as text: 0 and 0.0 alike."""
    return f"{value:.16g}" if isinstance(value, int | float) else str(value)
