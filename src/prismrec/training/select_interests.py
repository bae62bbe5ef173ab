"""Which trained interests to keep: those that win validation targets."""

from collections.abc import Sequence

from prismrec.data import Case
from prismrec.evaluation import diagnose
from prismrec.models import Prism
from prismrec.recommend import Recommender
from prismrec.training.validation import evenly_spread_with_history

DIAGNOSED_USERS = 1_000
"""Largest number of validation users for the diagnosis of interests, evenly spread."""
MIN_TARGETS = 300
"""With fewer validation targets no interest is pruned: no wins could be chance."""


def prune_interests(
    recommender: Recommender, valid: Sequence[Case], *, exclude_seen: bool
) -> str | None:
    """Prune the interests of prism that win less than 1 % of the validation targets.

    Every interest costs one search per request. Pruning chooses the number of interests that the
    data needs. The model is changed in place.

    Args:
        recommender: Recommender with the trained model.
        valid: Validation cases; with fewer than ``MIN_TARGETS`` targets nothing is pruned.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        A sentence that describes the change; None if there is none.

    Cost: a diagnosis of ``DIAGNOSED_USERS`` users.
    """
    extractor = recommender.model.extractor
    if not isinstance(extractor, Prism) or extractor.interests - len(extractor.pruned) == 1:
        return None
    cases = evenly_spread_with_history(valid, DIAGNOSED_USERS)
    if sum(len(case.targets) for case in cases) < MIN_TARGETS:
        return None
    diagnostics = diagnose(recommender, cases, exclude_seen=exclude_seen)
    usage = diagnostics.usage
    always_active = sorted(extractor.always_active - set(extractor.pruned))
    best = max(always_active, key=lambda number: usage[number])  # one of these must remain
    unused = [number for number in diagnostics.unused if number != best]
    if not unused:
        return None
    extractor.prune({*extractor.pruned, *unused})
    shares = ", ".join(f"{100 * usage[number]:.1f} %" for number in unused)
    kept = extractor.interests - len(extractor.pruned)
    return (
        f"{kept} of {extractor.interests} interests were kept: the others won only {shares} of the "
        "validation targets"
    )
