"""Check that batches contain every pair of prefix and target once per epoch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.data.batches import Batches
from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError

pytestmark = pytest.mark.slow

examples = settings(deadline=None, max_examples=60)


def histories_of(lengths):
    """Build histories in which each item number occurs once, so it identifies user and position."""
    ends = np.cumsum(lengths)
    return Histories.of([range(end - n + 1, end + 1) for n, end in zip(lengths, ends, strict=True)])


@st.composite
def settings_of_batches(draw):
    lengths = draw(
        st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(lambda n: max(n) > 1)
    )
    return histories_of(lengths), {
        "max_len": draw(st.integers(1, 12)),
        "batch_size": draw(st.integers(1, 60)),
        "seed": draw(st.integers(0, 5)),
    }


def epoch_of(batches, epoch=0):
    return [batches.at(epoch * len(batches) + step) for step in range(len(batches))]


def pairs_of(history, target, *_):
    """Yield each trained prefix of a batch with its target."""
    for row, slot in zip(*target.nonzero(), strict=True):
        yield history[row, : slot + 1], target[row, slot]


def user_and_place(histories, item):
    user = int(np.searchsorted(histories.indptr, item - 1, side="right")) - 1
    return user, int(item - 1 - histories.indptr[user])


@examples
@given(settings_of_batches(), st.integers(0, 3))
def test_all_has_every_target_exactly_once_per_epoch(made, epoch):
    histories, options = made
    batches = Batches(histories, targets="all", **options)
    shown = Counter(t for batch in epoch_of(batches, epoch) for t in batch[1][batch[1] != 0])
    firsts = {int(h[0]) for h in histories if len(h)}
    assert shown == Counter(set(histories.items.tolist()) - firsts)


@examples
@given(settings_of_batches(), st.integers(0, 3))
def test_random_has_every_user_exactly_once_per_epoch(made, epoch):
    histories, options = made
    batches = Batches(histories, targets="random", **options)
    shown = [t for batch in epoch_of(batches, epoch) for _, t in pairs_of(*batch)]
    users = Counter(user_and_place(histories, t)[0] for t in shown)
    assert users == Counter(np.flatnonzero(histories.lengths >= 2).tolist())


@examples
@given(settings_of_batches(), st.sampled_from(["all", "random"]), st.integers(1, 5))
def test_a_prefix_precedes_its_target(made, targets, horizon):
    histories, options = made
    batches = Batches(histories, targets=targets, horizon=horizon, **options)
    for history, target, *_ in epoch_of(batches):
        assert history.dtype == target.dtype == np.int64
        assert history.shape == target.shape
        assert history.shape[1] <= options["max_len"]
        for prefix, item in pairs_of(history, target):
            user, place = user_and_place(histories, item)
            newest = user_and_place(histories, prefix[-1])[1]
            own = histories[user]
            assert prefix.tolist() == own[newest + 1 - len(prefix) : newest + 1].tolist()
            assert 1 <= place - newest <= horizon


@examples
@given(settings_of_batches())
def test_a_prefix_is_complete_or_at_least_half_of_max_len(made):
    histories, options = made
    for batch in epoch_of(Batches(histories, targets="all", **options)):
        for prefix, item in pairs_of(*batch):
            place = user_and_place(histories, item)[1]
            assert len(prefix) >= min(place, (options["max_len"] + 1) // 2)


@examples
@given(settings_of_batches())
def test_a_random_target_has_the_longest_possible_prefix(made):
    histories, options = made
    for batch in epoch_of(Batches(histories, targets="random", **options)):
        for prefix, item in pairs_of(*batch):
            assert len(prefix) == min(user_and_place(histories, item)[1], options["max_len"])


@examples
@given(settings_of_batches(), st.sampled_from(["all", "random"]))
def test_padding_is_on_the_right_and_not_trained(made, targets):
    histories, options = made
    for history, target, *_ in epoch_of(Batches(histories, targets=targets, **options)):
        real = history != 0
        assert (real == (np.arange(history.shape[1]) < real.sum(axis=1)[:, None])).all()
        assert real.any(axis=1).all()
        assert (target[~real] == 0).all()


@examples
@given(settings_of_batches(), st.sampled_from(["all", "random"]), st.integers(0, 30))
def test_a_batch_depends_only_on_the_step(made, targets, step):
    histories, options = made
    one = Batches(histories, targets=targets, horizon=3, **options)
    other = Batches(histories, targets=targets, horizon=3, **options)
    for before in range(step):
        other.at(before)  # earlier calls change nothing
    for mine, theirs in zip(one.at(step)[:2], other.at(step)[:2], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_four_readers_share_an_epoch_without_repeating_a_pair():
    histories = histories_of([5, 9, 30, 2, 17] * 8)
    readers = [Batches(histories, max_len=8, batch_size=16, seed=3) for _ in range(4)]
    shown = Counter()
    for number, reader in enumerate(readers):
        for step in range(number, len(reader), 4):
            shown.update((int(p[-1]), int(t)) for p, t in pairs_of(*reader.at(step)))
    assert set(shown.values()) == {1}
    assert len(shown) == len(histories.items) - len(histories)


def test_epochs_and_seeds_differ():
    histories = histories_of([9] * 40)
    first, second = (Batches(histories, max_len=8, batch_size=32, seed=seed) for seed in (0, 1))
    steps = [first.at(0), first.at(len(first)), second.at(0)]
    assert len({made.history.tobytes() for made in steps}) == 3


def test_targets_are_uniform_within_the_horizon():
    histories = histories_of([20])
    batches = Batches(histories, max_len=20, batch_size=8, horizon=4)
    ahead = Counter()
    for step in range(2_000):
        history, target, *_ = batches.at(step)
        ahead.update((target - history)[0, :10].tolist())  # far from the end
    assert sorted(ahead) == [1, 2, 3, 4]
    assert min(ahead.values()) > 0.95 * max(ahead.values())


@pytest.mark.parametrize("targets", ["all", "random"])
@pytest.mark.parametrize("horizon", [0, 1, 3])
def test_target_counts_are_the_mean_of_many_epochs(targets, horizon):
    lengths, epochs = [1, 2, 3, 9, 30, 0, 5], 2_000
    histories = Histories.of([np.arange(length) % 12 + 1 for length in lengths])
    batches = Batches(histories, max_len=4, batch_size=64, targets=targets, horizon=horizon)
    counted = np.zeros(14)
    for step in range(epochs * len(batches)):
        counted += np.bincount(batches.at(step).target.ravel(), minlength=14) * (np.arange(14) > 0)
    expected = epochs * batches.target_counts(14)
    assert expected.sum() == pytest.approx(counted.sum())
    assert (np.abs(counted - expected) <= 4 * np.sqrt(expected)).all()
    assert expected[0] == expected[13] == 0


def test_horizon_zero_is_a_quarter_of_the_prefix_and_at_most_twenty():
    batches = Batches(histories_of([200]), max_len=50, batch_size=50, horizon=0)
    farthest = Counter()
    for step in range(600):
        for history, target in zip(*batches.at(step)[:2], strict=True):
            for item, reached in zip(history.tolist(), target.tolist(), strict=True):
                if reached:
                    assert 0 < reached - item <= min(-(-item // 4), 20)
                    farthest[item] = max(farthest[item], reached - item)
    assert [farthest[n] for n in (1, 4, 5, 16, 17)] == [1, 1, 2, 4, 5]
    assert 15 <= farthest[120] <= 20


def test_a_random_target_is_uniform_without_the_first_event():
    batches = Batches(histories_of([5]), max_len=10, batch_size=8, targets="random")
    shown = Counter(int(t) for step in range(4_000) for _, t in pairs_of(*batches.at(step)))
    assert sorted(shown) == [2, 3, 4, 5]
    assert min(shown.values()) > 0.85 * max(shown.values())


def test_users_with_one_event_are_left_out_and_with_two_have_one_pair():
    ((history, target, *_),) = epoch_of(
        Batches(histories_of([1, 2, 0, 1]), max_len=5, batch_size=8)
    )
    assert history.tolist() == [[2]]
    assert target.tolist() == [[3]]


def test_batches_have_about_the_chosen_number_of_pairs():
    batches = Batches(histories_of([10] * 200), max_len=10, batch_size=90)
    sizes = [int((one.target != 0).sum()) for one in epoch_of(batches)]
    assert min(sizes) >= 80
    assert max(sizes) <= 100


@pytest.mark.parametrize("batch_size", [1, 7, 19])
def test_a_batch_smaller_than_a_row_is_never_empty(batch_size):
    for history, target, *_ in epoch_of(
        Batches(histories_of([20] * 6), max_len=20, batch_size=batch_size)
    ):
        assert len(history) >= 1
        assert target.any()


def test_no_pair_for_training_is_an_error():
    with pytest.raises(DataError, match="none of 3 users"):
        Batches(histories_of([1, 0, 1]), max_len=5, batch_size=8)


@pytest.mark.parametrize("wrong", [{"max_len": 0}, {"batch_size": 0}, {"horizon": -1}])
def test_impossible_sizes_are_errors(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} is {next(iter(wrong.values()))}"):
        Batches(histories_of([3]), **{"max_len": 5, "batch_size": 8} | wrong)


def test_unknown_targets_are_an_error():
    with pytest.raises(ConfigError, match="'last'"):
        Batches(histories_of([3]), max_len=5, batch_size=8, targets="last")
