"""Check properties of dynamic routing."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from prismrec.models.extractors.dr import route, squash
from prismrec.models.extractors.mind import active_interests

quick = settings(deadline=None, max_examples=30)


@st.composite
def routings(draw):
    """Return votes [B, K, L, D], a mask of visible events [B, T, L], and a start [1, K, 1, L]."""
    b, k, length, d, views = (draw(st.integers(1, most)) for most in (2, 4, 5, 4, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([1e-3, 1.0, 30.0]))
    votes = scale * torch.randn(b, k, length, d, generator=generator)
    seen = torch.rand(b, views, length, generator=generator) < draw(st.sampled_from([0, 0.6, 1]))
    return votes, seen, torch.randn(1, k, 1, length, generator=generator)


@quick
@given(routings(), st.integers(1, 4))
def test_the_weights_of_an_event_sum_to_one_over_the_interests(routing, iterations):
    votes, seen, start = routing
    _, weights = route(votes, seen, start, iterations=iterations)
    assert (weights >= 0).all()
    assert_close(weights.sum(dim=1), seen.float())  # 1 at a real event, 0 at padding


@quick
@given(routings())
def test_unseen_items_change_nothing(routing):
    votes, seen, start = routing
    vectors, _ = route(votes[:, :, :, :], seen[:, :1], start)
    noise = torch.where(seen[:, 0, None, :, None], votes, torch.full_like(votes, 1e3))
    assert_close(route(noise, seen[:, :1], start)[0], vectors)


@quick
@given(routings())
def test_the_order_of_the_interests_does_not_matter(routing):
    votes, seen, start = routing
    votes, start = (
        votes.double(),
        start.double(),
    )  # float32 is not exact enough for logits in the hundreds
    order = torch.randperm(votes.shape[1], generator=torch.Generator().manual_seed(0))
    vectors, weights = route(votes, seen, start)
    reordered, reordered_weights = route(votes[:, order], seen, start[:, order])
    assert_close(reordered, vectors[:, order])
    assert_close(reordered_weights, weights[:, order])


@quick
@given(routings())
def test_interests_with_equal_votes_are_equal(routing):
    votes, seen, start = routing
    votes, start = votes[:, :1].expand_as(votes), torch.zeros_like(start)
    vectors, weights = route(votes, seen, start)
    assert_close(weights, (seen / votes.shape[1])[:, None].expand_as(weights))
    assert_close(vectors, vectors[:, :1].expand_as(vectors))


@quick
@given(routings())
def test_an_excluded_interest_has_weight_zero_and_does_not_change_the_others(routing):
    votes, seen, start = routing
    kept = votes.shape[1] - 1 or 1
    out = start.clone()
    out[:, kept:] = -torch.inf
    vectors, weights = route(votes, seen, out)
    assert (vectors[:, kept:] == 0).all()
    assert (weights[:, kept:] == 0).all()
    alone = route(votes[:, :kept], seen, start[:, :kept])
    assert_close((vectors[:, :kept], weights[:, :kept]), alone)


@quick
@given(routings())
def test_routing_and_its_gradients_are_finite(routing):
    votes, seen, start = routing
    votes.requires_grad_()
    vectors, _ = route(votes, seen, start)
    vectors.sum().backward()
    assert vectors.isfinite().all()
    assert votes.grad.isfinite().all()
    assert (torch.linalg.vector_norm(vectors, dim=-1) <= 1).all()


@quick
@given(st.floats(1e-6, 1e6), st.integers(1, 8), st.integers(0, 2**32))
def test_squash_keeps_the_direction_and_shrinks_the_length_below_one(length, d, seed):
    unit = torch.randn(d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    unit /= torch.linalg.vector_norm(unit)
    expected = length**2 / (1 + length**2)
    assert_close(squash(length * unit), expected * unit)
    assert expected < 1


def test_squash_of_zero_is_zero_with_a_zero_gradient():
    x = torch.zeros(2, 3, requires_grad=True)
    squash(x).sum().backward()
    assert (squash(x) == 0).all()
    assert (x.grad == 0).all()


def test_squash_of_a_long_vector_in_half_precision_has_length_one():
    x = torch.full((1, 64), 400.0, dtype=torch.float16)  # length 3,200: its square is not finite
    assert_close(torch.linalg.vector_norm(squash(x).double(), dim=-1), torch.ones(1).double(),
                 atol=2e-3, rtol=0)  # fmt: skip


def test_only_the_last_iteration_has_gradients():
    votes = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen, start = torch.ones(1, 1, 3, dtype=torch.bool), torch.zeros(1, 2, 1, 3)
    vectors, weights = route(votes, seen, start)
    assert not weights.requires_grad
    (routed,) = torch.autograd.grad(vectors.sum(), votes)
    (pooled,) = torch.autograd.grad(squash(weights @ votes).sum(), votes)
    assert_close(routed, pooled)


@given(st.integers(0, 5000), st.integers(1, 16))
def test_the_number_of_active_interests_is_log2_of_the_length(count, interests):
    active = active_interests(torch.tensor([count]), interests)[0]
    # bit_length - 1 is log2 rounded down, without rounding errors.
    expected = max(1, min(interests, count.bit_length() - 1))
    assert active.tolist() == [True] * expected + [False] * (interests - expected)
