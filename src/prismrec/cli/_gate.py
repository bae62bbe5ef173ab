"""``prismrec evaluate --gate``: may a new artifact replace the old one?"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from prismrec.cli._extensions import ClassFlags
from prismrec.cli._output import print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._split_data import read_split_data
from prismrec.data import Split, read_dataset_manifest, written_time
from prismrec.errors import ConfigError, DataError, is_whole
from prismrec.evaluation import LOST_SHARE, Candidate, list_lengths, pass_gate
from prismrec.io import stage
from prismrec.recommend import check_same_split, entry_of, linked_folder, read_artifact_manifest

REFUSED = 3
"""Exit code if the new artifact is refused; a mistake or a damaged file is 2."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The data set, and what to measure on it."""

    data: Path | None = None
    """Data set folder that the artifacts were trained on; with --gate, that of today."""
    gate: Annotated[bool, Parameter(negative="", show_default=False)] = False
    """Decide whether the first artifact may replace the second one."""
    lost_share: float | None = None
    """With --gate, the largest share of the events of OLD whose items NEW may lack; 0.1 by
    default."""
    allow_lost: Annotated[bool, Parameter(negative="", show_default=False)] = False
    """With --gate, NEW may lack attributes and the rule for dislikes that OLD has."""
    on: Literal["test", "valid"] = "test"
    """Measure on the test users or on the validation users."""


@dataclass(frozen=True)
class Artifact:
    """An artifact whose manifest is read once: a link to it may be switched meanwhile."""

    name: Path
    """As it was given, for messages."""
    folder: Path
    """The folder itself."""
    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, name: Path) -> "Artifact":
        """Read the manifest of the folder to which a link leads now.

        Raises:
            DataError: There is no artifact.
        """
        folder = linked_folder(name)
        return cls(name, folder, read_artifact_manifest(folder))

    def entry(self, name: str) -> Mapping[str, Any]:
        """Return an entry of the record of the training; empty if there is none."""
        return entry_of(self.manifest["about"], name)

    @property
    def validated_length(self) -> int:
        """The length of the lists of its validation; items that were added later do not count."""
        added = len(self.manifest["provisional"])
        return list_lengths(int(self.manifest["items"]) - added, 50)[0]

    def candidate(self, classes: ClassFlags, k: int) -> Candidate:
        """Load it; its validation metric counts if it is recall at the same length."""
        same = self.entry("run").get("validate_on") == "recall" and self.validated_length == k
        reached = self.entry("result").get("validation") if same else None
        known = reached if isinstance(reached, float) else None
        return Candidate(str(self.name), classes.load(self.folder), known)


def decide(
    new: Path,
    old: Path,
    data: Path,
    chosen: DataOptions,
    *,
    k: Sequence[int] | None,
    classes: ClassFlags,
    as_json: bool,
) -> None:
    """Compare two artifacts on the same users, print the decision and exit with its code.

    Raises:
        ConfigError: Several lengths of lists were given, or the lost share is not between 0 and 1.
        DataError: An artifact or the data set cannot be read, an artifact may have been trained on
            the test users or events, or there are too few users.
        SystemExit: The new artifact is refused.
    """
    if k is not None and len(set(k)) > 1:
        raise ConfigError(
            f"--gate compares lists of one length, but -k was given {len(k)} times; give one -k."
        )
    pair = own, other = Artifact.read(new), Artifact.read(old)
    unchecked = check_not_trained_on_test_users(pair, data)
    with Progress(new.name, quiet=as_json):
        dataset, split = read_split_data(data, quiet=as_json)
        check_begins(pair, data, split, chosen.on)
        # As on the validation of the old artifact, with which its recall is compared.
        length = k[0] if k else other.validated_length
        exclude_seen = own.entry("run").get("exclude_seen") is not False
        with stage("comparing the artifacts"):
            gate = pass_gate(
                own.candidate(classes, length),
                other.candidate(classes, length),
                dataset.catalog,
                split.test if chosen.on == "test" else split.valid,
                k=length,
                exclude_seen=exclude_seen,
                lost_share=LOST_SHARE if chosen.lost_share is None else chosen.lost_share,
                allow_lost=chosen.allow_lost,
            )
    recall = ", ".join(f"{name} {value:.4f}" for name, value in gate.recall.items())
    items = ", ".join(f"{name} {number:,}" for name, number in gate.items.items())
    less = gate.lost_capabilities.values()
    lines = [
        wrapped(f"all ids     {gate.all_ids}", indent=" " * 12),
        wrapped(f"shared ids  {gate.shared_ids}", indent=" " * 12),
        wrapped(f"recall@{length:<5}{recall}", indent=" " * 12),
        wrapped(f"items       {items}", indent=" " * 12),
        wrapped(f"lost        {gate.lost}", indent=" " * 12),
        *(wrapped(f"lost        {one}", indent=" " * 12) for one in less),
        *map(wrapped, unchecked),
        wrapped(gate.sentence),
    ]
    value = {"gate": gate.as_json(), "split": split.how, "unchecked": unchecked}
    print_output(value, lines, as_json=as_json)
    if not gate.passed:
        sys.exit(REFUSED)


def check_not_trained_on_test_users(artifacts: Sequence[Artifact], data: Path) -> list[str]:
    """Check that no artifact can have been trained on the test users of a data set.

    A split by user trains on the newest events of most users, and draws other users from each day's
    log. A split by time or by position leaves the newest events for test; of an older log, they are
    not the newest: see ``check_begins``.

    Returns:
        A sentence per artifact that does not state what it was trained on.

    Raises:
        DataError: An artifact was trained on another data set or split, and one of the two is split
            by user.
    """
    today, unchecked = split_name(read_dataset_manifest(data)), list[str]()
    for artifact in artifacts:
        trained_on = artifact.entry("dataset")
        try:
            sentence = check_same_split(artifact.name, data, artifact.manifest)
        except DataError as error:
            if "by-user" in {today, split_name(trained_on)}:
                raise DataError(
                    f"{artifact.name} was trained on another data set or split than {data}, and "
                    "one of them is split by user, so it may have been trained on the test users; "
                    "prepare both with --split by-time."
                ) from error
        else:
            unchecked += [sentence] if sentence else []
    return unchecked


def check_begins(
    artifacts: Sequence[Artifact], data: Path, split: Split, on: Literal["test", "valid"]
) -> None:
    """Check that no artifact can have been trained on the measured events of a split by time.

    Raises:
        DataError: They begin before those that the training of an artifact left out.
    """
    begin = (split.begins or {}).get(f"{on}_from")
    for artifact in artifacts:
        left_out = artifact.entry("dataset").get(f"{on}_from")
        if begin is not None and is_whole(left_out) and begin < left_out:
            part = "test" if on == "test" else "validation"
            raise DataError(
                f"The {part} events of {data} begin at {written_time(begin)}, but the training of "
                f"{artifact.name} used the events before {written_time(left_out)}, so it may "
                "have been trained on some of them; export the newest events, or prepare them with "
                "smaller shares of validation and test."
            )


def split_name(dataset: Mapping[str, Any]) -> str:
    """Return the name of the split in the manifest of a data set, or in the record of it."""
    return str(entry_of(dataset, "split").get("name", "by-user"))
