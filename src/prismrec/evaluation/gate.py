"""The gate: may a new artifact replace an old one?

    gate = pass_gate(Candidate("new", new), Candidate("old", old), catalog, split.test, k=50)
    gate.passed, gate.sentence

Both recommenders make lists for the same test users of a data set that may be of neither of them:
items are matched by their external ids. Recall is compared user by user, over all ids and over the
ids that both have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Case, Catalog
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.compare import Difference, compare
from prismrec.evaluation.evaluate import evaluate
from prismrec.evaluation.metric_report import Report
from prismrec.recommend import Capabilities, Recommender
from prismrec.types import RankedItems, Recommend

MIN_USERS = 20
"""With fewer test users a 95 % interval has no meaning."""
LEAST = 0.5
"""Smallest share of its own validation metric that the old recommender must reach on the new
events. Below, the ids of the new data are probably not those of the old data."""
LOST_SHARE = 0.1
"""Largest share of the old recommender's events whose items the new one may lack. With more, a part
of the log is probably missing."""


@dataclass(frozen=True, repr=False)
class Candidate:
    """A recommender, and what it reached on validation when it was trained."""

    name: str
    recommender: Recommender
    validation: float | None = None
    """Recall at the length of the gate; None if it is not known."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do besides making lists."""
        return Capabilities.of(self.recommender)


@dataclass(frozen=True)
class Lost:
    """Items with events of the old recommender that have none in the new one."""

    items: int
    """Number of such items."""
    of: int
    """Number of all items with events of the old recommender."""
    share: float
    """Share of the events of the old recommender that these items had."""

    def __str__(self) -> str:
        items = f"{self.items:,} of {self.of:,} items of the old artifact"
        return f"{items}, which had {self.share:.1%} of its events"


@dataclass(frozen=True)
class Gate:
    """The decision, and the numbers that it depends on."""

    new: str
    old: str
    passed: bool
    reason: str
    """The part of the sentence after the decision."""
    all_ids: Difference
    """Recall of new minus old over all ids of the data set."""
    shared_ids: Difference
    """The same over the ids that both have: only these are targets and in lists."""
    recall: dict[str, float]
    """Recall of "new" and of "old" over all ids."""
    items: dict[str, int]
    """Number of items of the "data set", and of them those in "new", in "old" and in "both"."""
    lost: Lost
    """Items with events of the old recommender that have none in the new one."""
    lost_capabilities: Mapping[str, str]
    """A clause per capability that only the old one has: attributes, dislikes, weights of events or
    a projection."""

    @property
    def sentence(self) -> str:
        """The decision in one sentence."""
        if self.passed:
            return f"Passed: {self.new} may replace {self.old}: {self.reason}."
        return f"Refused: {self.new} must not replace {self.old}: {self.reason}."

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        differences = {
            name: asdict(one) | {"verdict": one.verdict}
            for name, one in (("all_ids", self.all_ids), ("shared_ids", self.shared_ids))
        }
        return asdict(self) | differences | {"sentence": self.sentence}


def pass_gate(
    new: Candidate,
    old: Candidate,
    catalog: Catalog,
    cases: Sequence[Case],
    *,
    k: int = 50,
    exclude_seen: bool = True,
    lost_share: float = LOST_SHARE,
    allow_lost: bool = False,
) -> Gate:
    """Compare a new recommender with the old one that it may replace.

    It is refused if its recall is worse by more than the 95 % interval of the difference, over all
    ids or over the ids that both have. It is also refused if it lacks too many items, attributes or
    the rule for dislikes, and if the old one reaches less than ``LEAST`` of its own validation
    metric: the comparison then proves nothing, because a model that was trained on damaged data is
    good on damaged data.

    Args:
        new: The new recommender.
        old: The one that it may replace.
        catalog: Catalog of the cases.
        cases: Test users; neither recommender was trained on their targets.
        k: Length of the lists.
        exclude_seen: Exclude the items of the history from lists.
        lost_share: Largest share of the old recommender's events whose items the new one may lack.
            Items that were added after the training have no events: such items of the old one are
            not counted, and such items of the new one count as lost.
        allow_lost: Whether the new one may lack attributes and the rule for dislikes.

    Raises:
        ConfigError: ``lost_share`` is not between 0 and 1.
        DataError: Fewer than ``MIN_USERS`` users, over all ids or over shared ids.

    Cost: four evaluations.
    """
    known = _known(new, old, catalog)
    of_shared = cases_of(cases, shared := known["both"])
    _check(len(cases), len(of_shared), lost_share)
    recall = partial(_recall, catalog=catalog, k=k, exclude_seen=exclude_seen)
    of_new, of_old = recall(new, cases), recall(old, cases)
    on_all = compare(of_new, of_old, metric := f"recall@{k}")
    on_shared = compare(recall(new, of_shared, shared), recall(old, of_shared, shared), metric)
    lost = lost_items(new.recommender.catalog, old.recommender.catalog)
    less = old.capabilities.lost(new.capabilities)
    fault = _fault_of_lost(lost, lost_share) or _fault_of_capabilities({} if allow_lost else less)
    fault = fault or _fault(on_all, on_shared, of_old, old)
    return Gate(
        new=new.name,
        old=old.name,
        passed=fault is None,
        reason=fault or f"{on_all}, and on the ids of both {on_shared}",
        all_ids=on_all,
        shared_ids=on_shared,
        recall={"new": of_new.metrics[metric], "old": of_old.metrics[metric]},
        items={"data set": catalog.size - 1} | {name: int(v.sum()) for name, v in known.items()},
        lost=lost,
        lost_capabilities=less,
    )


def _recall(
    one: Candidate, cases: Sequence[Case], allowed: NDArray[np.bool_] | None = None, *,
    catalog: Catalog, k: int, exclude_seen: bool,
) -> Report:  # fmt: skip
    """Return the report of the recall of one recommender; see ``on_catalog``."""
    recommend = on_catalog(one.recommender, catalog, allowed, exclude_seen=exclude_seen)
    return evaluate(recommend, cases, ks=(k,), only=("recall",))


def _known(new: Candidate, old: Candidate, catalog: Catalog) -> dict[str, NDArray[np.bool_]]:
    """Return which items of a catalog the new, the old and both recommenders have, ``[V]`` each."""
    of_new, of_old = (one.recommender.catalog.numbers_of(catalog) > 0 for one in (new, old))
    return {"new": of_new, "old": of_old, "both": of_new & of_old}


def lost_items(new: Catalog, old: Catalog) -> Lost:
    """Return the items with events of an old catalog that a new one lacks or has without events.

    An item that was added to the new one after its training has no events there, so it is lost too.
    """
    lost = (new.count[new.numbers_of(old)] == 0) & (old.count > 0)  # the padding has none either
    events = int(old.count.sum())
    share = int(old.count[lost].sum()) / events if events else 0.0
    return Lost(int(lost.sum()), int((old.count > 0).sum()), share)


def _check(users: int, of_shared: int, lost_share: float) -> None:
    """Raise ConfigError for an impossible share, DataError if there are too few test users."""
    if not 0 <= lost_share <= 1:
        raise ConfigError(f"lost_share is {lost_share:g}; give a number from 0 to 1.")
    for number, more in ((users, ""), (of_shared, " that both artifacts have")):
        if number < MIN_USERS:
            raise DataError(
                f"The gate cannot compare the artifacts, because only {number} test users have "
                f"targets{more} and it needs {MIN_USERS}; give a data set with more new events."
            )


def _fault_of_lost(lost: Lost, allowed: float) -> str | None:
    """Return why the new recommender is refused if it has lost too much; None if it has not."""
    if lost.share <= allowed:
        return None
    return (
        f"it has no events of {lost}, but {allowed:.1%} is allowed, so the log is probably not "
        "complete"
    )


def _fault_of_capabilities(lost: Mapping[str, str]) -> str | None:
    """Return why the new recommender is refused if it lacks attributes or dislikes."""
    found = [lost[name] for name in ("attributes", "dislikes") if name in lost]
    if not found:
        return None
    return (
        f"{'; and '.join(found)}; prepare the data set as before, or allow the loss (--allow-lost)"
    )


def _fault(on_all: Difference, on_shared: Difference, of_old: Report, old: Candidate) -> str | None:
    """Return why the new recommender is refused; None if it is not."""
    metric = on_all.metric
    reached, interval = of_old.metrics[metric], of_old.interval[metric]
    if old.validation is not None and reached + interval < LEAST * old.validation:
        return (
            f"{old.name} reaches {metric} {reached:.4f} on these events but reached "
            f"{old.validation:.4f} on validation, so the data probably has other ids or is damaged"
        )
    if on_all.verdict == "worse":
        return str(on_all)
    if on_shared.verdict == "worse":
        return f"{on_shared} on the ids of both"
    return None


def cases_of(cases: Sequence[Case], allowed: NDArray[np.bool_]) -> list[Case]:
    """Return the cases with only the targets that are allowed; cases without any are left out."""
    kept = (Case(case.history, case.targets[allowed[case.targets]]) for case in cases)
    return [case for case in kept if len(case.targets)]


def on_catalog(
    recommender: Recommender,
    catalog: Catalog,
    allowed: NDArray[np.bool_] | None = None,
    *,
    exclude_seen: bool,
) -> Recommend:
    """Return a function that recommends in the item numbers of another catalog.

    Args:
        recommender: Of any catalog; items are matched by their external ids.
        catalog: The catalog of histories and lists. Items of a history that the recommender does
            not have are left out. An item of a list that this catalog does not have gets a number
            beyond it.
        allowed: ``[V]``: items that may be in a list; None for all items of the recommender.
        exclude_seen: Exclude the items of the history from lists.
    """
    own = recommender.catalog
    to_own, back = own.numbers_of(catalog), catalog.numbers_of(own)
    if allowed is not None:
        excluded = ~allowed[back]  # and those that the catalog does not have: 0 is not allowed
        hidden = own.items.external(np.flatnonzero(excluded[1:]) + 1)
        recommender = recommender.with_hidden(hidden)
    unknown = back == 0
    back[unknown] = catalog.size + np.flatnonzero(unknown)
    back[0] = 0

    def recommend(histories: Sequence[NDArray[np.int64]], k: int) -> RankedItems:
        numbers = [to_own[history] for history in histories]
        known = [row[row > 0] for row in numbers]
        ranked = recommender.ranked(known, k, exclude_seen=exclude_seen)
        return RankedItems(back[ranked.items], ranked.scores, ranked.interest)

    return recommend
