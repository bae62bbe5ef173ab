"""Check the model: the row of padding, the scale of the scores, and invalid inputs."""

import numpy as np
import pytest
import torch

from prismrec.errors import ConfigError, DataError
from prismrec.models import Extractor, SelfAttentive
from prismrec.models.arguments import check_arguments
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.model import Model

HISTORY = torch.tensor([[3, 5, 7], [2, 9, 0]])


def logits(model, history=HISTORY):
    return model.eval()(history, history != 0).vectors @ model.item_vectors().T


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_the_vector_of_padding_is_zero(new_model, similarity):
    model = new_model(similarity=similarity)
    assert (model.items.weight[0] == 0).all()
    assert (model.items.weight[1:] != 0).all()
    assert (model.item_vectors()[0] == 0).all()


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_one_seed_makes_the_same_model_three_times(new_model, weights, assert_same, extractor):
    first, second, third = (weights(new_model(extractor)) for _ in range(3))
    assert_same(first, second)
    assert_same(first, third)
    assert all(value.isfinite().all() for value in first.values())


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_halving_the_temperature_doubles_the_logits(new_model, similarity):
    one, half = (logits(new_model(similarity=similarity, temperature=t)) for t in (1.0, 0.5))
    torch.testing.assert_close(half, 2 * one)


def test_cosine_logits_are_cosines_over_the_temperature(new_model):
    model = new_model(similarity="cosine", temperature=0.1)
    raw = new_model(similarity="dot").eval()(HISTORY, HISTORY != 0).vectors
    expected = torch.nn.functional.cosine_similarity(raw[:, :, None], model.items.weight, dim=-1)
    torch.testing.assert_close(logits(model), expected / 0.1)


def test_vectors_of_returns_rows_of_the_item_vectors(new_model):
    for similarity in ("dot", "cosine"):
        model = new_model(similarity=similarity)
        items = torch.tensor([4, 4, 0, 39])
        torch.testing.assert_close(model.vectors_of(items), model.item_vectors()[items])


def test_dropout_is_active_only_in_training(new_model):
    model = new_model(dropout=0.5)
    assert torch.equal(logits(model), logits(model))
    model.train()
    first, second = (model(HISTORY, HISTORY != 0).vectors for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("wrong", [40, 10**12, -1])
def test_an_item_out_of_range_is_an_error_that_names_it(new_model, wrong):
    history = torch.tensor([[3, wrong]])
    with pytest.raises(DataError, match=rf"item number {wrong}, .* 1 to 39"):
        new_model()(history, history != 0)


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_a_history_longer_than_max_len_is_an_error_that_names_both(new_model, extractor):
    history = torch.ones(1, 9, dtype=torch.int64)
    with pytest.raises(DataError, match=r"9 slots .* max_len 8"):
        new_model(extractor)(history, history != 0)


@pytest.mark.parametrize("wrong", [
    {"size": 1}, {"temperature": 0.0}, {"temperature": float("nan")},
    {"dropout": 1.0},
])  # fmt: skip
def test_impossible_options_are_refused_with_their_value(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ConfigError, match=f"{name} is {value!r}"):
        Model(
            **{"size": 40, "extractor": EXTRACTORS["mean"](dim=4, interests=1, max_len=5)} | wrong
        )


@pytest.mark.parametrize("change", ["set", "load"])
def test_normalizers_are_those_of_the_new_item_vectors(new_model, change):
    model = new_model(tie_embeddings=False, normalized=True).eval()

    def total():
        interests = model.interests_of([np.array([1, 2, 3])])
        scores = model.item_vectors()[1:] @ interests.vectors[0].T + interests.bias[0]
        return float(scores.masked_fill(~interests.active[0], -torch.inf).exp().sum().detach())

    assert total() == pytest.approx(1, rel=1e-4)
    vectors = 2 * torch.randn(2, model.size, model.extractor.dim)
    if change == "set":
        model.set_item_vectors(*vectors, torch.randn(model.size))
    else:
        model.load_state_dict({n: 2 * value for n, value in model.state_dict().items()})
    assert total() == pytest.approx(1, rel=1e-4)


def test_padding_inside_a_history_is_refused(new_model):
    model = new_model().eval()
    for history in ([0, 5], [5, 0, 6], [0, 0]):
        with pytest.raises(DataError, match="item number 0, which is padding"):
            model.interests_of([np.array([3]), np.array(history)])


def test_arguments_of_another_type_are_refused():
    extractor = SelfAttentive(dim=4, interests=2, max_len=3)
    with pytest.raises(ConfigError, match=r"size is of type object, .*; pass catalog\.size"):
        check_arguments(object(), extractor, "dot", 1.0, 0.0)
    with pytest.raises(ConfigError, match="extractor is 'sa', but must be an Extractor"):
        check_arguments(5, "sa", "dot", 1.0, 0.0)
    with pytest.raises(ConfigError, match="temperature is '1'; set a number"):
        check_arguments(5, extractor, "dot", "1", 0.0)
    with pytest.raises(ConfigError, match="dropout is '0'; it must be"):
        check_arguments(5, extractor, "dot", 1.0, "0")


class Bare(Extractor):
    def forward(self, items, mask):
        return items * mask[..., None]


def test_an_extractor_that_returns_a_tensor_is_an_error():
    model = Model(5, Bare(dim=4, interests=2, max_len=3))
    history = torch.tensor([[1, 2]])
    for read in (model, model.prefixes):
        with pytest.raises(ConfigError, match=r"What Bare\.forward returns is of type Tensor"):
            read(history, history != 0)


@pytest.mark.parametrize(("name", "change", "needed"), [
    ("vectors", lambda part: part[:, 0], r"numbers of shape \(\d, 2, 4\)"),
    ("vectors", lambda part: part.long(), r"numbers of shape \(\d, 2, 4\)"),
    ("vectors", lambda part: part[:, :1], r"numbers of shape \(\d, 2, 4\)"),
    ("weights", lambda part: part[:1, :, :1], r"numbers of shape \(\d, 2, 2\)"),
    ("bias", lambda _: None, r"numbers of shape \(\d, 2\)"),
    ("active", lambda part: part.float(), r"truth values of shape \(\d, 2\)"),
])  # fmt: skip
def test_interests_of_another_shape_or_type_are_an_error(name, change, needed):
    class Changed(EXTRACTORS["sa"]):
        def forward(self, items, mask):
            found = super().forward(items, mask)
            return found._replace(**{name: change(getattr(found, name))})

        def prefixes(self, items, mask):
            found = super().prefixes(items, mask)
            return found._replace(**{name: change(getattr(found, name))})

    model = Model(5, Changed(dim=4, interests=2, max_len=3))
    history = torch.tensor([[1, 2], [3, 4]])
    for read in (model, model.prefixes):
        with pytest.raises(
            ConfigError, match=rf"Changed returned {name} .* must return .*{needed}"
        ):
            read(history, history != 0)
