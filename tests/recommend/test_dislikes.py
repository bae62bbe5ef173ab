"""Check that disliked items are left out, and that items near them lose exactly the penalty."""

import json

import numpy as np
import pytest
import torch

from commands import run
from prismrec.errors import ConfigError
from prismrec.numerics import normalize
from prismrec.recommend import save
from prismrec.registry import resolve
from prismrec.rerank import Filter, InterestOptions, ListOptions
from prismrec.retrieval import INDEXES, NEAR, PENALTY, RuleRetriever
from worlds import formed, ids, small_dataset, untrained

DATASET = small_dataset()
GROUPS = [[1, 4, 9], [2, 3], [10, 20, 30, 31, 32]]
"""Items that are near one another."""


def with_groups(recommender):
    """Return a recommender in which the items of a group have nearly the same vector."""
    model = recommender.model
    table = (model.outputs or model.items).weight.data
    generator = torch.Generator().manual_seed(0)
    for group in GROUPS:
        noise = 0.05 * torch.randn(len(group), 8, generator=generator)
        table[group, :8] = table[group[0], :8] + noise * table[group[0], :8].norm()
    return type(recommender).exact(model, recommender.catalog)


PLAIN = {
    "one interest per score": with_groups(untrained(DATASET)),
    "cosine": with_groups(untrained(DATASET, similarity="cosine", temperature=0.1)),
    "formed": with_groups(formed(DATASET)),
}
RULES = RuleRetriever.count(
    DATASET.histories, DATASET.catalog.size, backward=0.5, alpha=0.3, beta=0.3, weight=1.0
)
RECOMMENDERS = {**PLAIN, "blended": PLAIN["formed"].with_rules(RULES)}
DISLIKED = [4, 31]
NAMES = DATASET.catalog.items.external(DISLIKED)


def expected(recommender, history, k):
    """Return the list of the whole catalog, with the penalty applied by plain loops."""
    everything, names = DATASET.catalog.size, DATASET.catalog.items.external(DISLIKED)
    options = {"filter": Filter(blocked=names), "exclude_seen": False}
    whole = recommender.ranked([history], everything, **options)
    items = [item for item in whole.items[0].tolist() if item]
    scores = dict(zip(items, whole.scores[0].tolist(), strict=False))
    unit = normalize(recommender.model.content_vectors(np.arange(everything)))
    for item in items:
        if max(float(unit[item] @ unit[bad]) for bad in DISLIKED) >= NEAR:
            scores[item] -= PENALTY
    order = sorted(items, key=lambda item: (-scores[item], items.index(item)))[:k]
    return order, [scores[item] for item in order]


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 7, 39])
@pytest.mark.parametrize("name", sorted(RECOMMENDERS))
def test_lists_are_those_of_the_whole_catalog_with_lower_scores(name, k):
    recommender = RECOMMENDERS[name]
    histories = [DATASET.histories[user] for user in range(12)] + [np.empty(0, dtype=np.int64)]
    found = recommender.ranked(histories, k, dislikes=NAMES, exclude_seen=False, diversity=0.0)
    for row, history in enumerate(histories[:-1]):
        items, scores = expected(recommender, history, k)
        shown = found.items[row][found.items[row] > 0]
        np.testing.assert_array_equal(shown, items)
        np.testing.assert_allclose(found.scores[row][: len(items)], scores, rtol=1e-5, atol=1e-5)
    assert not np.isin(found.items, DISLIKED).any()


def test_most_dislikes_lower_some_item():
    unit = normalize(PLAIN["formed"].model.content_vectors(np.arange(DATASET.catalog.size)))
    for group in GROUPS:
        assert (unit[group] @ unit[group].T >= NEAR).all()


@pytest.mark.parametrize("name", sorted(RECOMMENDERS))
def test_without_dislikes_nothing_changes(name):
    recommender, histories = RECOMMENDERS[name], [DATASET.histories[user] for user in range(12)]
    plain = recommender.ranked(histories, 10)
    for dislikes in ([], (), ["no such item"]):
        other = recommender.ranked(histories, 10, dislikes=dislikes)
        for one, two in zip(plain, other, strict=True):
            np.testing.assert_array_equal(one, two)
    assert all(item.near_dislike is None for item in recommender.recommend(ids(DATASET, 0)))


@pytest.mark.parametrize("name", sorted(RECOMMENDERS))
def test_reasons_name_the_disliked_item_and_the_amount(name):
    recommender = RECOMMENDERS[name]
    plain = recommender.recommend(ids(DATASET, 0), 39, exclude_seen=False)
    answer = recommender.recommend(ids(DATASET, 0), 39, exclude_seen=False, dislikes=[*NAMES, "?"])
    assert answer.unknown_filter == ("?",)
    assert answer.options.dislikes == (*NAMES, "?")
    before = {item.id: item for item in plain}
    near = {
        name for group in (GROUPS[0], GROUPS[2]) for name in DATASET.catalog.items.external(group)
    }
    for item in answer:
        assert item.id not in NAMES
        if item.id not in near:
            assert item.near_dislike is None
            continue
        reason = item.near_dislike
        assert reason.id in NAMES
        assert NEAR <= reason.similarity <= 1 + 1e-6
        assert reason.penalty == PENALTY
        if name != "blended":  # leaving items out changes the share of the rules
            assert before[item.id].score - item.score == pytest.approx(PENALTY, abs=1e-4)
    shares = [item.from_rules for item in answer]
    assert all(0 <= share <= 1 for share in shares)


def test_the_share_of_the_rules_is_that_before_the_penalty():
    recommender, blocked = RECOMMENDERS["blended"], Filter(blocked=NAMES)
    history = ids(DATASET, 3)
    plain = {one.id: one.from_rules for one in recommender.recommend(history, 30, filter=blocked)}
    answer = recommender.recommend(history, 30, dislikes=NAMES)
    for item in answer:
        if item.id in plain:
            assert item.from_rules == pytest.approx(plain[item.id], abs=1e-5)


@pytest.mark.parametrize("options", [
    {"diversity": 0.2}, {"interests": InterestOptions(mix="shares")},
    {"rerank": "mmr", "diversity": 0.1}, {"filter": Filter(allowed=NAMES)},
])  # fmt: skip
@pytest.mark.slow
def test_disliked_items_are_in_no_list(options):
    for recommender in RECOMMENDERS.values():
        answer = recommender.recommend_many(
            [ids(DATASET, 1), []], ListOptions(k=20, dislikes=NAMES, **options),
            frontier="rerank" not in options, top_items=5,
        )  # fmt: skip
        for one in answer:
            assert not {item.id for item in one} & set(NAMES)
            assert not {top.id for interest in one.interests for top in interest.top} & set(NAMES)


def test_lists_of_an_approximate_index_have_no_disliked_item():
    pytest.importorskip("faiss")
    recommender = PLAIN["formed"]
    numbers = np.arange(1, recommender.model.size)
    kind = resolve("index", "ivf-flat", INDEXES)
    index = kind.build(recommender.model.vectors_as_numpy(), numbers)
    other = type(recommender)(recommender.model, index, recommender.catalog)
    histories = [DATASET.histories[user] for user in range(8)]
    exact, found = (one.ranked(histories, 5, dislikes=NAMES) for one in (recommender, other))
    assert (exact.items == found.items).mean() > 0.8
    assert not np.isin(found.items, DISLIKED).any()


def test_blocks_of_cosines_change_nothing(monkeypatch):
    histories = [DATASET.histories[user] for user in range(6)]
    whole = PLAIN["formed"].ranked(histories, 9, dislikes=NAMES)
    monkeypatch.setattr("prismrec.retrieval.disliked.MAX_COSINES", 5)
    parts = PLAIN["formed"].ranked(histories, 9, dislikes=NAMES)
    np.testing.assert_array_equal(whole.items, parts.items)


def test_a_string_of_ids_is_an_error():
    with pytest.raises(ConfigError):
        PLAIN["formed"].recommend(ids(DATASET, 0), dislikes="abc")


def test_the_command_line_lists_them(tmp_path, capsys):
    save(PLAIN["formed"], tmp_path / "artifact")
    line = ["recommend", str(tmp_path / "artifact"), "--history", ",".join(ids(DATASET, 0)),
            "--dislikes", ",".join(NAMES), "-k", "30", "--no-exclude-seen"]  # fmt: skip
    run(*line)
    text = capsys.readouterr().out
    assert "near disliked Item" in text
    assert "near a disliked one lost 2 of their score." in text
    run(*line, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["options"]["dislikes"] == NAMES
    assert any(item["near_dislike"] for item in answer["items"])
