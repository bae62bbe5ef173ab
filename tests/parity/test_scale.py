"""Check the length of interest vectors before training, for items of expected length 1."""

import pytest
import torch

from prismrec.models.extractors import EXTRACTORS

B, L, K, D = 64, 20, 4, 64


@pytest.fixture
def items():
    return torch.randn(B, L, D, generator=torch.Generator().manual_seed(0)) / D**0.5


def built(name, interests=K, **options):
    torch.manual_seed(0)
    return EXTRACTORS[name](dim=D, interests=interests, max_len=L, **options).eval()


def lengths(extractor, items):
    vectors = extractor(items, torch.ones(items.shape[:2], dtype=torch.bool)).vectors
    return torch.linalg.vector_norm(vectors.detach(), dim=-1)


@pytest.mark.parametrize(
    ("name", "interests", "least", "most"),
    [
        ("mean", 1, 0.9 * L**-0.5, 1.1 * L**-0.5),  # the mean of twenty independent items
        ("sa", K, L**-0.5, 0.6),  # the mean, or longer if a head has more weight on the newest
        ("dr", K, 0.95, 1),  # votes of length √D, squashed to a length below 1
        ("mind", K, 0.1, 0.95),  # votes as long as the items
        ("gru", 1, 0.3, D**0.5),  # entries between -1 and 1
        ("transformer", 1, 0.95 * D**0.5, 1.05 * D**0.5),  # layer norm
    ],
)
def test_untrained_vectors_have_the_expected_length(items, name, interests, least, most):
    assert least < lengths(built(name, interests), items).mean() < most


@pytest.mark.parametrize("init_std", [1.0, 0.1])
def test_dr_votes_are_init_std_times_root_d_as_long_as_their_items(items, init_std):
    maps = built("dr", init_std=init_std).maps
    assert maps.std().item() == pytest.approx(init_std, rel=0.01)
    votes = torch.einsum("jkoi,bji->bjko", maps, items).detach()
    longer = (
        torch.linalg.vector_norm(votes, dim=-1) / torch.linalg.vector_norm(items, dim=-1)[..., None]
    )
    assert longer.mean().item() == pytest.approx(init_std * D**0.5, rel=0.02)


def test_an_untrained_mean_equals_the_mean_of_the_items(items):
    vectors = built("mean", 1)(items, torch.ones(B, L, dtype=torch.bool)).vectors
    torch.testing.assert_close(vectors[:, 0], items.mean(dim=1))


def test_untrained_heads_differ_in_their_weight_on_the_newest_item(items):
    weights = built("sa")(items, torch.ones(B, L, dtype=torch.bool)).weights.mean(dim=0)
    newest = weights[:, -1]
    assert (newest.diff() > 0.02).all()
    assert newest[0].item() == pytest.approx(1 / L, rel=0.2)
