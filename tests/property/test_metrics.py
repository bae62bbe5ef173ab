"""Compare each metric with a simple implementation of its definition, on random data."""

from itertools import combinations
from math import isnan, log, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from prismrec.evaluation.metrics import METRICS, Answers

V, C = 9, 4


@st.composite
def worlds(draw):
    """Draw items with categories, and a few users with lists, targets and histories."""
    owned = [set(), *(draw(st.sets(st.integers(0, C - 1), max_size=3)) for _ in range(1, V))]
    counts = [0, *draw(st.lists(st.integers(0, 5), min_size=V - 1, max_size=V - 1))]
    width = draw(st.integers(1, 6))
    items = st.integers(1, V - 1)
    users = []
    for _ in range(draw(st.integers(1, 4))):
        ranked = draw(st.lists(items, unique=True, max_size=width))
        targets = draw(st.lists(items, min_size=1, max_size=5))
        users.append((ranked, targets, draw(st.lists(items, max_size=5))))
    return owned, counts, width, users


def discounts(hits):
    return sum(1 / log2(rank + 2) for rank, hit in enumerate(hits) if hit)


def shares_of(items, owned):
    total = dict.fromkeys(range(C), 0.0)
    for item in items:
        for category in owned[item]:
            total[category] += 1 / len(owned[item])
    weight = sum(total.values())
    return {c: value / weight for c, value in total.items()} if weight else None


def by_definition(name, user, owned, counts, k):  # noqa: C901, PLR0911, PLR0912
    """Compute a metric from its definition, item by item."""
    ranked, targets, history = user
    top, wanted = ranked[:k], set(targets)
    hits = [item in wanted for item in top]
    seen = set().union(*(owned[item] for item in top))
    if name == "recall":
        return sum(hits) / len(wanted)
    if name == "hit_rate":
        return float(any(hits))
    if name == "precision":
        return sum(hits) / k
    if name == "mrr":
        return max((1 / (rank + 1) for rank, hit in enumerate(hits) if hit), default=0)
    if name == "ndcg":
        return discounts(hits) / discounts([True] * min(len(wanted), k))
    if name == "ndcg_of_hits":
        return discounts(hits) / discounts([True] * sum(hits)) if any(hits) else 0
    if name == "diversity":
        pairs = [
            1 - len(owned[i] & owned[j]) / len(owned[i] | owned[j]) if owned[i] | owned[j] else 1
            for i, j in combinations(top, 2)
        ]
        return sum(pairs) / len(pairs) if pairs else float("nan")
    if name == "category_coverage":
        return len(seen) / C
    if name == "category_entropy":
        mix = shares_of(top, owned)
        return -sum(s * log(s) for s in mix.values() if s) if mix else float("nan")
    if name == "subtopic_recall":
        asked = set().union(*(owned[item] for item in wanted))
        return len(asked & seen) / len(asked) if asked else float("nan")
    if name == "calibration":
        p, q = shares_of(history, owned), shares_of(top, owned) or dict.fromkeys(range(C), 0)
        if p is None:
            return float("nan")
        return sum(s * log(s / (0.01 * s + 0.99 * q[c])) for c, s in p.items() if s)
    if name == "novelty":
        bits = [-log2((counts[i] + 1) / (sum(counts) + V - 1)) for i in top]
        return sum(bits) / len(top) if top else float("nan")
    assert name == "popularity_rank", f"add the definition of {name} above"
    if not top:
        return float("nan")
    ranks = []
    for item in top:
        above = sum(count > counts[item] for count in counts[1:])
        level = sum(count == counts[item] for count in counts[1:])
        ranks.append(above + (level + 1) / 2)
    return sum(ranks) / len(ranks)


@pytest.mark.slow
@given(world=worlds(), k=st.integers(1, 7))
@settings(deadline=None)
def test_every_metric_equals_its_definition(world, k):
    owned, counts, width, users = world
    table = np.array([[(c in o) / max(len(o), 1) for c in range(C)] for o in owned])
    answers = Answers(
        np.array([ranked + [0] * (width - len(ranked)) for ranked, _, _ in users], dtype=np.int64),
        [np.array(targets, dtype=np.int64) for _, targets, _ in users],
        [np.array(history, dtype=np.int64) for _, _, history in users],
        sparse.csr_array(table),
        np.array(counts),
    )
    for name, metric in METRICS.items():
        if metric.needs == "weights":  # see test_weighted_metrics
            continue
        found = metric.measure(answers, k)
        assert found.dtype == np.float64
        expected = [by_definition(name, user, owned, counts, k) for user in users]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=name)
        if name == "diversity":
            assert all(isnan(value) or 0 <= value <= 1 for value in found)
