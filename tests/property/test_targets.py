"""Compare lists with a diversity target or a relevance budget with those of the whole catalog."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_shares import Source

from prismrec.rerank import Diversity, InterestOptions, ListOptions, frontiers_of

pytestmark = pytest.mark.slow


@st.composite
def catalogs(draw):
    """A catalog whose best items have few categories, so that others are found far below."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, groups = draw(st.integers(5, 200)), draw(st.integers(1, 30))
    scores = -np.sort(-random.normal(size=size).round(draw(st.sampled_from([1, 6]))))
    category = (groups * np.linspace(0, 1, size) ** 2 * random.random(size)).astype(int)
    interests = draw(st.integers(1, 3))
    interest = np.minimum((interests + 1) * np.linspace(0, 1, size) ** 2, interests).astype(int)
    return Source(scores, interest, category, random.dirichlet(np.ones(interests + 1)))


def diversity_of(source, items):
    categories = source.category[items]
    same = (categories[:, None] == categories).sum() - len(items)
    return 1 - same / (len(items) * (len(items) - 1))


@given(
    catalogs(), st.integers(2, 12), st.sampled_from(["target", "max_relevance_loss"]),
    st.floats(0, 1), st.sampled_from(["mixture", "shares"]), st.booleans(),
)  # fmt: skip
@settings(max_examples=300)
def test_a_target_and_a_budget_are_met_as_well_as_the_whole_catalog_can(
    source, k, unit, share, mix, muted
):
    options = {"mix": mix, "weights": {0: 0} if muted else {}}
    diversity = Diversity(**{unit: share})
    items = source.listed(k, diversity=diversity, **options)
    if len(items) < 2:
        return
    (found,) = frontiers_of(
        source, ListOptions(k=k, interests=InterestOptions(**options)),
        category_of=source.category_of,
    )  # fmt: skip
    assert (found.relevance[:1] >= 0).all()
    if unit == "target":
        possible = min(share, found.diversity[-1])
    else:
        within = found.relevance >= (1 - share + 1e-9) * found.relevance[0]
        within[0] = True
        possible = found.diversity[within].max()
    assert diversity_of(source, items) >= possible - 1e-9


def test_the_relevance_of_a_list_far_below_the_first_candidates_is_a_share():
    # Interest 0 has the 60 best items and is muted: all that is listed lies below the first pool.
    scores = np.concatenate([np.linspace(9, 5, 60), np.linspace(4, 1, 60)])
    source = Source(scores, np.repeat([0, 1], 60), np.arange(120) % 7, np.array([0.6, 0.4]))
    relevance = source.lists(5, weights={0: 0}).relevance[0]
    # Above the lowest item of the list, at 4 - 4 * 3 / 59, the best five sum to five times more.
    low = 4 - 4 * 3 / 59
    own, whole = (np.sort(part)[::-1][:5].sum() - 5 * low for part in (scores[60:], scores))
    assert relevance == pytest.approx(own / whole, rel=1e-5)
    assert relevance > 0


@pytest.mark.parametrize("loss", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("mix", ["mixture", "shares"])
def test_a_budget_holds_if_the_first_candidates_belong_to_a_muted_interest(mix, loss):
    scores = np.concatenate([np.linspace(9, 5, 200), np.linspace(4, 1, 60)])
    source = Source(scores, np.repeat([0, 1], [200, 60]), np.arange(260) % 7, np.array([0.6, 0.4]))
    options = {"mix": mix, "weights": {0: 0}}
    found = source.lists(5, diversity=Diversity(max_relevance_loss=loss), **options)
    assert (found.items[0] > 200).all()
    if not loss:
        assert found.items[0].tolist() == [201, 202, 203, 204, 205]
