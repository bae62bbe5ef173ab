"""Check the rules that every extractor must follow. Each one in ``EXTRACTORS`` is tested."""

from pathlib import Path

import numpy as np
import pytest
import torch

from prismrec.errors import ConfigError, DataError
from prismrec.models import extractors
from prismrec.models.extractors import (
    EXTRACTORS,
    DynamicRouting,
    Extractor,
    SelfAttentive,
    Transformer,
)

B, L, K, D = 3, 9, 4, 8

# Each extractor is tested with its defaults and with these options.
OPTIONS = {
    "mean": [{"linear": False}],
    "sa": [{"positions": "slot"}, {"positions": "none", "bias": False}],
    "mind": [{"project": True}],
    "prism": [{"block": True}, {"clusters": 3}, {"clusters": 4, "block": True}],
    "transformer": [{"positions": "slot"}, {"positions": "none"}],
}
VARIANTS = [
    (name, interests, options)
    for name, kind in sorted(EXTRACTORS.items())
    for interests in ([1] if kind.single else [1, K])
    for options in [{}, *OPTIONS.get(name, [])]
    if options.get("clusters", 0) <= interests
]


def build(name, interests, options, *, seed=0):
    torch.manual_seed(seed)
    extractor = EXTRACTORS[name](dim=D, interests=interests, max_len=L, **options).eval()
    for parameter in extractor.parameters():  # a bias of 0 would hide an error
        parameter.data += 0.1 * torch.randn_like(parameter)
    return extractor


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request):
    return request.param


@pytest.fixture
def extractor(variant):
    return build(*variant)


@pytest.fixture
def history():
    items = torch.randn(B, L, D, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([L, 3, 1])
    return items, torch.arange(L) < lengths[:, None]


def test_returns_k_interests_of_width_d(extractor, history):
    k = extractor.interests
    vectors, weights, bias, active = extractor(*history)[:4]
    assert vectors.shape == (B, k, D)
    assert weights.shape == (B, k, L)
    assert bias.shape == active.shape == (B, k)
    assert active.dtype == torch.bool
    assert active[:, 0].all()
    assert (vectors[~active] == 0).all()
    assert (weights[~active] == 0).all()


@pytest.mark.slow
def test_padding_changes_nothing(extractor, history):
    items, mask = history
    noise = torch.where(mask[..., None], items, torch.full_like(items, 1e3))
    found, expected = extractor(noise, mask), extractor(items, mask)
    torch.testing.assert_close(found[:4], expected[:4])
    if expected.states is not None:
        events = mask[:, None, :, None]  # states of padding have no meaning
        torch.testing.assert_close(found.states * events, expected.states * events)
    torch.testing.assert_close(extractor.prefixes(noise, mask), extractor.prefixes(items, mask))


def test_more_padding_changes_nothing(extractor, history):
    items, mask = history
    short = extractor(items[1:, :3], mask[1:, :3])
    torch.testing.assert_close(short.vectors, extractor(*history).vectors[1:])


def test_padding_has_weight_zero(extractor, history):
    items, mask = history
    weights = extractor(items, mask).weights
    assert (weights.masked_select(~mask[:, None]) == 0).all()


def test_weights_sum_to_one_over_the_history_or_the_interests(extractor, history):
    _, mask = history
    _, weights, _, active = extractor(*history)[:4]
    assert (weights >= 0).all()
    over_items = weights.sum(dim=2)[active]
    over_interests = weights.sum(dim=1)
    assert torch.allclose(over_items, torch.ones(())) or torch.allclose(
        over_interests, mask.float()
    )


def test_results_do_not_depend_on_the_rest_of_the_batch(extractor, history):
    items, mask = history
    alone = torch.cat([extractor(items[i : i + 1], mask[i : i + 1]).vectors for i in range(B)])
    torch.testing.assert_close(alone, extractor(items, mask).vectors, rtol=0, atol=1e-6)
    other = torch.cat([items[:1], torch.randn(B - 1, L, D)])
    torch.testing.assert_close(extractor(other, mask).vectors[0], alone[0], rtol=0, atol=1e-6)


def test_two_calls_return_the_same_result(extractor, history):
    first = extractor(*history)
    torch.rand(1)  # other random numbers do not matter
    assert torch.equal(first.vectors, extractor(*history).vectors)


def test_saved_weights_return_the_same_result(variant, extractor, history):
    name, interests, options = variant
    seed = {"seed": 7} if name == "mind" else {}  # its random start is loaded, not drawn again
    other = build(name, interests, {**options, **seed}, seed=7)
    other.load_state_dict(extractor.state_dict())
    assert torch.equal(other(*history).vectors, extractor(*history).vectors)


@pytest.mark.parametrize("way", ["forward", "prefixes"])
def test_an_empty_history_has_zero_vectors_and_finite_gradients(extractor, way):
    items = torch.randn(2, L, D, requires_grad=True)
    mask = torch.zeros(2, L, dtype=torch.bool)
    mask[1, :4] = True
    vectors = getattr(extractor, way)(items, mask).vectors
    vectors.square().sum().backward()
    assert (vectors[: len(vectors) // 2] == 0).all()
    assert vectors.isfinite().all()
    assert items.grad.isfinite().all()
    assert (items.grad[0] == 0).all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in extractor.parameters())


def test_all_prefixes_at_once_equal_each_prefix_alone(extractor, history):
    at_once = extractor.prefixes(*history)
    torch.testing.assert_close(at_once, Extractor.prefixes(extractor, *history))
    items, mask = history
    for row, slot in [(0, 0), (0, 5), (0, L - 1), (1, 2), (2, 0)]:
        alone = extractor(items[row : row + 1, : slot + 1], mask[row : row + 1, : slot + 1])
        place = row * L + slot
        torch.testing.assert_close(at_once.vectors[place : place + 1], alone.vectors)
        weights = at_once.weights[place : place + 1, :, : slot + 1]
        torch.testing.assert_close(weights, alone.weights)
        assert torch.equal(at_once.active[place : place + 1], alone.active)


def test_a_prefix_that_ends_at_padding_is_empty(extractor, history):
    _, mask = history
    ended = ~mask.flatten()
    interests = extractor.prefixes(*history)
    assert (interests.vectors[ended] == 0).all()
    assert (interests.weights[ended] == 0).all()


def test_prefixes_and_forward_have_the_same_gradients(extractor, history):
    items, mask = history[0][1:2, :3].clone().requires_grad_(), history[1][1:2, :3]
    gradients = []
    for way in (extractor.prefixes, extractor.forward):
        loss = way(items, mask).vectors[-1].square().sum()
        wanted = [items, *extractor.parameters()]
        gradients.append(torch.autograd.grad(loss, wanted, allow_unused=True))
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("way", ["forward", "prefixes"])
def test_half_precision_is_finite(extractor, history, way, dtype):
    items, mask = history
    mask = torch.cat([mask, torch.zeros(1, L, dtype=torch.bool)])
    items = torch.cat([items, items[:1]]).requires_grad_()
    with torch.autocast("cpu", dtype=dtype):
        interests = getattr(extractor, way)(10 * items, mask)
    interests.vectors.float().square().sum().backward()
    assert interests.vectors.isfinite().all()
    assert items.grad.isfinite().all()
    assert (interests.vectors[-1] == 0).all()


def test_a_history_longer_than_max_len_is_an_error_that_names_both(extractor):
    items, mask = torch.randn(1, L + 1, D), torch.ones(1, L + 1, dtype=torch.bool)
    for way in (extractor.forward, extractor.prefixes):
        with pytest.raises(DataError, match=f"{L + 1} slots .* max_len {L}"):
            way(items, mask)


@pytest.mark.parametrize(("name", "interests", "options"), VARIANTS, ids=str)
def test_the_seed_decides_all_weights_and_they_are_finite(name, interests, options):
    first, second = (build(name, interests, options, seed=3).state_dict() for _ in range(2))
    other = build(name, interests, options, seed=4).state_dict()
    for key, value in first.items():
        assert torch.equal(value, second[key])
        assert value.isfinite().all()
    assert not first or any(not torch.equal(first[key], other[key]) for key in first)


def test_interests_differ_from_each_other(history):
    for name, kind in EXTRACTORS.items():
        if not kind.single:
            vectors = build(name, K, {})(*history).vectors[0]
            assert torch.pdist(vectors[:3]).min() > 1e-3, name


@pytest.mark.parametrize("name", [n for n, kind in EXTRACTORS.items() if kind.single])
def test_an_extractor_of_one_interest_refuses_more(name):
    with pytest.raises(ConfigError, match="interests is 4"):
        EXTRACTORS[name](dim=D, interests=4, max_len=L)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SelfAttentive, {"positions": "slots"}, "positions is 'slots'; .*slot, recency, none"),
        (SelfAttentive, {"hidden": 0}, "hidden is 0"),
        (DynamicRouting, {"init_std": 0.0}, "init_std is 0"),
        (DynamicRouting, {"init_std": float("nan")}, "init_std is nan"),
        (Transformer, {"heads": 3}, "heads is 3, which does not divide dim 8"),
        (Transformer, {"layers": 0}, "layers is 0"),
        (Transformer, {"dropout": 1.0}, "dropout is 1"),
        (Transformer, {"positions": "newest"}, "positions is 'newest'"),
    ],
)
def test_an_impossible_option_is_an_error_that_names_it(kind, options, message):
    with pytest.raises(ConfigError, match=message):
        kind(dim=D, interests=K, max_len=L, **options)


def test_dropout_is_active_only_in_training(history):
    extractor = build("transformer", 1, {"dropout": 0.5}).train()
    assert not torch.equal(extractor(*history).vectors, extractor(*history).vectors)
    extractor.eval()
    assert torch.equal(extractor(*history).vectors, extractor(*history).vectors)


def test_every_file_of_the_folder_is_in_the_table():
    folder = Path(extractors.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    missing = files - set(EXTRACTORS)
    assert not missing, f"add {missing} to EXTRACTORS in extractors/__init__.py"


def test_options_of_numpy_are_stored_as_those_of_python():
    extractor = SelfAttentive.__new__(SelfAttentive, dim=np.int64(D), sizes=[np.int8(K)])
    assert extractor.options == {"dim": D, "sizes": [K]}
    assert type(extractor.options["dim"]) is type(extractor.options["sizes"][0]) is int
