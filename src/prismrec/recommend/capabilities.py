"""What an artifact can do besides recommending, and what a later one lost of it.

of_old = Capabilities.of(old, weighting_of(read_artifact_manifest("old")["about"]))
of_old.lost(of_new)           # a part of a sentence per loss; empty if nothing was lost
"""

from collections.abc import Mapping
from typing import Any


def weighting_of(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how the events of an artifact were weighted; empty if its manifest has no record.

    Args:
        about: The part ``about`` of its manifest.
    """
    dataset = about.get("dataset")
    found = dataset.get("weighting") if isinstance(dataset, Mapping) else None
    return found if isinstance(found, Mapping) else {}
