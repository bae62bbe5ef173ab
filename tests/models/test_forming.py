"""Interests formed from a history when asked: the whole history, and each cluster of its events."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from extractors_of_one import drawn, extractor_of_one
from prismrec.errors import ConfigError
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.forming import Forming, form_interests
from prismrec.recommend.artifact import load, save
from worlds import formed, ids, untrained

LINEAR = [
    ("mean", {}),
    ("sa", {}),
    ("prism", {}),
    ("prism", {"block": True}),
    ("prism", {"clusters": 1}),
]
EXTRACTORS_OF_ONE = [*LINEAR, ("gru", {}), ("transformer", {})]


@torch.no_grad()
def read(extractor, items, mask, **options):
    return form_interests(extractor, items, mask, Forming(**options))


def test_a_history_of_two_tastes_by_hand():
    # Events (2, 0), (0, 1), (2, 0) and padding: the cosine of the first two is 0, so the clusters
    # are {0, 2} and {1}. Distances are 2, 1, 0; events count 3^-½, 2^-½ and 1.
    items = torch.tensor([[[2.0, 0], [0, 1], [2, 0], [0, 0]]])
    mask = torch.tensor([[True, True, True, False]])
    mean = EXTRACTORS["mean"](dim=2, interests=1, max_len=4, linear=False)
    found = read(mean, items, mask, clusters=3, whole_weight=0.6)
    assert found.active.tolist() == [[True, True, True, False]]
    assert found.shown.tolist() == [[False, True, True, False]]
    assert torch.allclose(found.vectors, torch.tensor([[[4 / 3, 1 / 3], [2.0, 0], [0, 1], [0, 0]]]))
    thirds = [1 / 3, 1 / 3, 1 / 3, 0]
    rows = [thirds, [0.5, 0, 0.5, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert torch.allclose(found.weights, torch.tensor([rows]))
    near = np.array([3**-0.5, 2**-0.5, 1])
    share = np.array([near[[0, 2]].sum(), near[1]]) / near.sum()
    assert share == pytest.approx([0.690, 0.310], abs=0.001)
    expected = [0.6, *(0.4 * share), 1]  # the bias of an inactive interest is log 1
    assert found.bias[0].exp().numpy() == pytest.approx(expected, abs=1e-5)
    parts = [[0, 0], [4 / 3, 0], [0, 1 / 3], [0, 0]]
    assert torch.allclose(found.parts, torch.tensor([parts]), atol=1e-6)
    assert torch.equal(found.states, torch.stack([items, items], dim=1))


@pytest.mark.parametrize(("name", "own"), LINEAR)
def test_a_cluster_is_read_as_if_it_were_the_history(name, own):
    extractor = extractor_of_one(name, own)
    items, mask = drawn(3)
    found = read(extractor, items, mask, clusters=4)
    assert found.shown.sum(dim=1).max() > 2
    with torch.no_grad():
        whole = extractor(items, mask)
    torch.testing.assert_close(found.vectors[:, :1], whole.vectors)
    reader, read_items = extractor, items
    if own.get("block"):  # clusters are read from the states in context, without another block
        reader = EXTRACTORS["prism"](dim=4, interests=1, max_len=9).eval()
        reader.load_state_dict(extractor.state_dict(), strict=False)
        read_items = found.states[:, 0]
    for row, number in found.shown.nonzero().tolist():
        events = found.weights[row, number] > 0
        with torch.no_grad():
            one = read_items[row, events][None]
            alone = reader(one, torch.ones(1, int(events.sum())).bool())
        assert torch.allclose(alone.vectors[0, 0], found.vectors[row, number], atol=1e-5)


@pytest.mark.parametrize(("name", "own"), LINEAR)
def test_weights_states_and_parts_add_up_to_the_vectors(name, own):
    extractor = extractor_of_one(name, own)
    items, mask = drawn(4)
    found = read(extractor, items, mask, clusters=4)
    for number in range(found.vectors.shape[1]):
        last = found.states.shape[1] - 1
        pooled = found.weights[:, number, None] @ found.states[:, min(number, last)]
        assert torch.allclose(pooled[:, 0], found.vectors[:, number], atol=1e-5)
    # A history of one cluster has its parts in interest 1 as well.
    assert torch.allclose(found.parts.sum(dim=1), found.vectors[:, 0], atol=1e-5)
    assert not found.parts[:, 0].any()
    shared = (found.weights[:, 1:] > 0).sum(dim=1)
    assert torch.equal(shared, mask.long())  # each event is in one cluster


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from(EXTRACTORS_OF_ONE))
@settings(max_examples=40)
@pytest.mark.slow
def test_no_two_shown_interests_are_nearly_the_same(seed, clusters, which):
    items, mask = drawn(seed)
    # Vectors in a half space: many clusters of these have vectors of a large cosine.
    found = read(extractor_of_one(*which, seed=seed), items.abs() * mask[..., None], mask,
                 clusters=clusters)  # fmt: skip
    unit = normalize(found.vectors, dim=-1)
    cosine = unit @ unit.transpose(1, 2)
    pairs = (found.shown[:, :, None] & found.shown[:, None]).triu(diagonal=1)
    assert (cosine[pairs] <= 0.9 + 1e-5).all()
    assert (found.bias[:, 1:] <= 1e-6).all()
    prior = (found.bias.exp() * found.active).sum(dim=1)
    assert torch.allclose(prior, torch.ones(len(items)), atol=1e-5)


def test_clusters_whose_vectors_are_nearly_the_same_are_joined():
    # The second layer of this extractor maps all items to nearly one direction.
    mean = EXTRACTORS["mean"](dim=2, interests=1, max_len=3)
    with torch.no_grad():
        mean.linear.weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 0.1]]))
    items = torch.tensor([[[1.0, 0], [0, 1], [-1, 0.0]]])
    found = read(mean, items, torch.ones(1, 3).bool(), clusters=3, whole_weight=0.5)
    # (1, 0) and (1, .1) become one interest; (-1, 0) is another one.
    assert found.shown.tolist() == [[False, True, False, True]]
    assert found.weights[0, 1].tolist() == pytest.approx([0.5, 0.5, 0])


@pytest.mark.parametrize(("name", "own"), EXTRACTORS_OF_ONE)
def test_padding_and_other_histories_do_not_change_interests(name, own):
    extractor = extractor_of_one(name, own)
    items, mask = drawn(5, batch=7)
    together = read(extractor, items, mask, clusters=3)
    for row in range(len(items)):
        length = max(int(mask[row].sum()), 1)
        alone = read(extractor, items[row : row + 1, :length], mask[row : row + 1, :length],
                     clusters=3)  # fmt: skip
        assert torch.equal(alone.active[0], together.active[row])
        for part, whole in (
            (alone.vectors, together.vectors),
            (alone.bias, together.bias),
            (alone.parts, together.parts),
        ):
            assert torch.allclose(part[0], whole[row], atol=1e-5)
        assert torch.allclose(alone.weights[0], together.weights[row, :, :length], atol=1e-5)
        assert not together.weights[row, :, length:].any()


def test_a_list_does_not_depend_on_the_other_users(dataset):
    recommender = formed(dataset)
    histories = [dataset.histories[user] for user in range(12)] + [np.empty(0, dtype=np.int64)]
    together = recommender.ranked(histories, 9)
    for row, history in enumerate(histories):
        alone = recommender.ranked([history], 9)
        assert np.array_equal(alone.items[0], together.items[row])
        assert np.array_equal(alone.interest[0], together.interest[row])
        assert alone.scores[0] == pytest.approx(together.scores[row], abs=1e-5)


def test_neither_does_a_list_of_very_unlikely_items(dataset):
    recommender = formed(dataset)
    with torch.no_grad():
        recommender.model.outputs.weight[:, :-1] *= 30
    far = type(recommender).exact(recommender.model.train(), dataset.catalog)
    histories = [np.array([7, 7, 7])] + [dataset.histories[user] for user in range(5)]
    together = far.ranked(histories, 30)
    assert together.scores.min() < -110
    for row, history in enumerate(histories):
        alone = far.ranked([history], 30)
        assert np.array_equal(alone.items[0], together.items[row])
        assert alone.scores[0] == pytest.approx(together.scores[row], rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("options", [{}, {"similarity": "cosine", "temperature": 0.1}])
def test_one_cluster_is_the_same_as_no_forming(dataset, options):
    several = formed(dataset, **options)
    plain, one_cluster = several.with_forming(None), several.with_forming(Forming(clusters=1))
    repeated = [np.array([7, 7, 7]), np.array([5])]
    histories = [dataset.histories[user] for user in range(5)]
    for recommender, read in ((several, repeated), (one_cluster, histories)):
        interests = recommender.model.interests_of(read)
        assert (interests.active.sum(dim=1) == 1).all()
        assert interests.active[:, 1].all()
        single = plain.model.interests_of(read)
        torch.testing.assert_close(interests.vectors[:, 1], single.vectors[:, 0])
        assert torch.allclose(interests.bias[:, 1], single.bias[:, 0])
        found, expected = recommender.ranked(read, 12), plain.ranked(read, 12)
        assert np.array_equal(found.items, expected.items)
        assert found.scores == pytest.approx(expected.scores, abs=1e-5)
        assert (found.interest == 1).all()


def test_an_empty_history_has_one_interest_without_a_direction(dataset):
    recommender = formed(dataset)
    empty = np.empty(0, dtype=np.int64)
    found = recommender.model.interests_of([empty, dataset.histories[0]], states=True)
    assert found.active[0].tolist() == [False, True, False, False, False]
    assert not found.vectors[0, :, :-1].any()
    assert all(torch.isfinite(part).all() for part in found[:6])
    answer = recommender.recommend([])
    assert answer.source == "popular"
    assert not answer.interests


def test_formed_models_are_saved_and_give_the_same_lists(dataset, tmp_path):
    recommender = formed(dataset, clusters=3, whole_weight=0.85)
    save(recommender, tmp_path / "a")
    again = load(tmp_path / "a")
    assert again.model.forming == Forming(clusters=3, whole_weight=0.85)
    assert again.recommend(ids(dataset, 3), 9) == recommender.recommend(ids(dataset, 3), 9)


def test_forming_does_not_change_the_original(dataset):
    recommender = formed(dataset)
    plain = recommender.with_forming(None)
    before = plain.ranked([dataset.histories[1]], 9)
    other = plain.with_forming(Forming(clusters=2))
    other.ranked([dataset.histories[1]], 9)
    assert plain.model.forming is None
    assert plain.model.interests == 1
    assert other.model.interests == 3
    assert plain.model.options == other.model.options
    assert other.model.forming == Forming(clusters=2, whole_weight=0.7)
    after = plain.ranked([dataset.histories[1]], 9)
    assert np.array_equal(before.items, after.items)
    assert other.model.items.weight is plain.model.items.weight


def test_interests_are_not_formed_in_training(dataset):
    model = formed(dataset).model
    batch = torch.from_numpy(dataset.histories[0][None, -10:].copy())
    model.train()
    assert model(batch, batch != 0).vectors.shape[1] == 1
    model.eval()
    assert model(batch, batch != 0).vectors.shape[1] == 5


@pytest.mark.parametrize(
    "wrong",
    [{"clusters": 0}, {"clusters": -1}, {"clusters": 2**31}, {"whole_weight": -0.1},
     {"whole_weight": 1.1}, {"whole_weight": float("nan")}],
)  # fmt: skip
def test_impossible_options_are_refused(wrong):
    with pytest.raises(ConfigError, match="use 1 to 4,096 clusters, and a weight from 0 to 1"):
        Forming(**wrong)


def test_several_interests_or_other_scores_cannot_be_formed(dataset):
    several = untrained(dataset, extractor="prism", interests=2, normalized=True)
    scores = untrained(dataset, extractor="prism", interests=1)
    for recommender in (several, scores):
        with pytest.raises(ConfigError, match="needs an extractor with interests 1"):
            recommender.with_forming(Forming())
        assert recommender.with_forming(None).model.forming is None


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_extreme_weights_of_the_whole_history_work(dataset, weight):
    recommender = formed(dataset, whole_weight=weight)
    histories = [dataset.histories[user] for user in range(5)]
    found = recommender.ranked(histories, 9)
    assert np.isfinite(found.scores).all()
    assert (found.interest > 0).all()
    if weight == 1:
        expected = recommender.with_forming(None).ranked(histories, 9)
        assert np.array_equal(found.items, expected.items)
