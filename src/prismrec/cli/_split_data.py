"""A data set folder with its split, as ``train``, ``tune`` and ``evaluate`` read it."""

from pathlib import Path

from prismrec.cli._output import print_note, wrapped
from prismrec.data import Dataset, Split, load_dataset, load_split
from prismrec.io import stage


def read_split_data(data: Path, *, quiet: bool) -> tuple[Dataset, Split]:
    """Load a data set and split it; print a note if its folder has no split.

    Raises:
        DataError: It cannot be read.
    """
    with stage("loading the data"):
        dataset = load_dataset(data)
        split = load_split(data, dataset)
    if dataset.split is None:
        note = f"{data} was saved without a split, so it is split by default: {split.how}."
        print_note(wrapped(note), quiet=quiet)
    return dataset, split
