"""Check every sampler: which items it draws, how often, and that its log q is correct.

log q is the logarithm of the expected count of an item in one sample.
"""

import pytest
import torch

from prismrec.data.batches import Batches
from prismrec.data.histories import Histories
from prismrec.errors import ConfigError
from prismrec.models import losses
from prismrec.models.samplers import SAMPLERS

# Number of events of seven items, not sorted. Number 0 is padding.
COUNTS = torch.tensor([0, 50, 3, 100, 7, 1, 20, 30])
V = len(COUNTS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch_of(size, g):
    """Draw the targets of a batch. Items are as frequent as in training."""
    return torch.multinomial(COUNTS.double(), size, replacement=True, generator=g)


@pytest.fixture(params=sorted(SAMPLERS))
def kind(request):
    return SAMPLERS[request.param]


def test_padding_is_never_drawn(kind):
    g = generator()
    sampler = kind(COUNTS, 64)
    drawn = torch.cat([sampler(g, batch_of(64, g)).items for _ in range(200)])
    assert drawn.min() >= 1
    assert drawn.max() < V
    assert len(drawn.unique()) == V - 1  # all real items are drawn


@pytest.mark.parametrize("batch", [1, 128, 1024])
def test_the_number_of_negatives_does_not_depend_on_the_batch(kind, batch):
    sampler = kind(COUNTS, 128)
    items, log_q = sampler(generator(), batch_of(batch, generator(1)))
    if kind is SAMPLERS["union"]:
        pytest.skip("union returns each item once, so the number depends on the batch")
    expected = min(128, batch) if kind is SAMPLERS["in_batch"] else 128
    assert len(items) == len(log_q) == expected


def test_equal_generators_draw_equal_samples(kind):
    sampler, targets = kind(COUNTS, 16), batch_of(32, generator(1))
    first, second = sampler(generator(5), targets), sampler(generator(5), targets)
    assert first.items.tolist() == second.items.tolist()
    assert first.items.tolist() != sampler(generator(6), targets).items.tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("negatives", "batch"), [(8, 32), (32, 8), (1, 8)])
def test_log_q_is_the_log_of_the_expected_count(kind, negatives, batch):
    g = generator()
    sampler, draws = kind(COUNTS, negatives), 2_000
    counted, expected = torch.zeros(V), torch.full((V,), torch.nan)
    for _ in range(draws):
        items, log_q = sampler(g, batch_of(batch, g))
        counted += torch.bincount(items, minlength=V)
        expected[items] = log_q.exp()
    assert counted[0] == 0
    rare = counted < 100  # too few for a comparison
    error = (counted / draws / expected)[~rare] - 1
    # Four standard deviations of a count, if the draws of a step were independent.
    assert (error.abs() < 4 / counted[~rare].sqrt()).all()
    assert (~rare).sum() >= 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["in_batch", "mixed", "union"])
@pytest.mark.parametrize("horizon", [0, 1])
def test_log_q_is_that_of_targets_that_are_drawn_once_per_user(name, horizon):
    # A user with many events has few targets per event: items 1 and 2 are rarer than in the log.
    rows = [[1, 2] * 20] * 10 + [[3, 4], [5, 6, 4], [6, 3]] * 30
    histories = Histories.of(rows)
    batches = Batches(histories, max_len=8, batch_size=25, targets="random", horizon=horizon)
    counts, targets = torch.from_numpy(histories.counts(V)), batches.target_counts(V)
    sampler = SAMPLERS[name](counts, 12, target_counts=torch.from_numpy(targets))
    counted, expected, g = torch.zeros(V), torch.zeros(V), generator()
    log_q, steps = torch.full((V,), torch.nan), 200 * len(batches)
    for step in range(steps):
        batch = torch.from_numpy(batches.at(step).target)
        drawn = sampler(g, batch[batch != 0])
        counted += torch.bincount(drawn.items, minlength=V)
        log_q[drawn.items] = drawn.log_q
        expected += log_q.exp().nan_to_num()
    often = counted > 200
    assert often.sum() >= 4
    assert (counted[often] / expected[often] - 1).abs().max() < 0.1


@pytest.mark.parametrize("negatives", [0, -3])
def test_fewer_than_one_negative_is_refused(kind, negatives):
    with pytest.raises(ConfigError, match=f"negatives is {negatives}"):
        kind(COUNTS, negatives)


def test_log_uniform_does_not_depend_on_the_order_of_ids():
    order = torch.tensor([3, 1, 7, 6, 4, 2, 5])  # items by descending popularity
    sampler = SAMPLERS["log_uniform"](COUNTS, 10)
    renamed = SAMPLERS["log_uniform"](COUNTS[torch.cat([torch.tensor([0]), order])], 10)

    def log_q(sampler):
        found = torch.zeros(V)
        for seed in range(50):
            items, values = sampler(generator(seed), order)
            found[items] = values
        return found

    torch.testing.assert_close(log_q(renamed)[1:], log_q(sampler)[order])
    rank_0, rank_6 = log_q(sampler)[3].exp(), log_q(sampler)[5].exp()
    two, nine = torch.tensor(2.0), torch.tensor(8 / 7)
    torch.testing.assert_close(rank_0, 10 * two.log() / torch.tensor(8.0).log())
    torch.testing.assert_close(rank_6, 10 * nine.log() / torch.tensor(8.0).log())


def test_popularity_of_power_zero_is_uniform():
    flat = SAMPLERS["popularity"](COUNTS, 7, power=0)(generator(), COUNTS[:1])
    torch.testing.assert_close(flat.log_q, torch.zeros(7))


# ---- the loss with sampled negatives --------------------------------------------------------


def loss_of(queries, items, targets, negatives, log_q):
    scores = losses.score(queries[:, None], queries.new_zeros(len(queries), 1), items[targets],
                          items[negatives])  # fmt: skip
    scores = losses.drop_hits(losses.subtract_log_q(scores, log_q), targets[:, None], negatives)
    return losses.softmax(scores[:, 0]).mean()


def gradient(*arguments):
    queries = arguments[0].clone().requires_grad_()
    loss_of(queries, *arguments[1:]).backward()
    return queries.grad


def bias(kind, negatives, *, corrected=True, draws=500):
    """Return the relative distance of the mean gradient of the sampled loss from the full one."""
    g = generator(1)
    queries, items = torch.randn(6, 4, generator=g), torch.randn(V, 4, generator=g)
    targets = batch_of(6, g)
    everything = torch.arange(1, V)
    full = gradient(queries, items, targets, everything, torch.zeros(V - 1))
    total, sampler = torch.zeros_like(full), kind(COUNTS, negatives)
    for _ in range(draws):
        drawn = sampler(g, batch_of(256, g))
        log_q = drawn.log_q if corrected else torch.zeros_like(drawn.log_q)
        total += gradient(queries, items, targets, drawn.items, log_q)
    return float((total / draws - full).norm() / full.norm())


@pytest.mark.slow
def test_more_negatives_bring_the_mean_gradient_closer_to_the_full_softmax(kind):
    few, many = bias(kind, 4), bias(kind, 64)
    assert many < 0.1  # measured: 0.02 to 0.08, largest if rare items are drawn rarely
    assert many < few / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["popularity", "log_uniform", "in_batch", "mixed"])
def test_without_log_q_the_mean_gradient_is_biased(name):
    assert bias(SAMPLERS[name], 64, corrected=False, draws=200) > 0.15


def test_a_target_drawn_as_its_own_negative_is_masked():
    # With three items and ten negatives, most negatives are targets of some row.
    counts = torch.tensor([0, 5, 5, 5])
    queries, items = torch.randn(8, 4, generator=generator()), torch.randn(4, 4)
    targets = torch.tensor([1, 2, 3, 1, 2, 3, 1, 2])
    for seed in range(20):
        items_drawn, log_q = SAMPLERS["uniform"](counts, 10)(generator(seed), targets)
        assert loss_of(queries, items, targets, items_drawn, log_q) >= 0
    everything = torch.arange(1, 4)
    full = torch.nn.functional.cross_entropy(queries @ items[1:].T, targets - 1)
    # A uniform sample of three contains each item once on average, so log q is 0.
    sampled = loss_of(queries, items, targets, everything, torch.zeros(3))
    torch.testing.assert_close(sampled, full)
