"""Check the cost model: its terms, its coefficients, its limits, and the plan made of it."""

from dataclasses import asdict, replace
from math import exp, log2

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prismrec.errors import ConfigError, UnknownName
from prismrec.evaluation import SIMILAR_PAIRS
from prismrec.training.capacity import (
    QUANTITIES,
    Coefficients,
    Predicted,
    read_coefficients,
    value_of,
)
from prismrec.training.config import TrainConfig
from prismrec.training.initialize import WINDOW
from prismrec.training.planning import plan_costs, training_of
from prismrec.training.run_config import RunConfig
from prismrec.training.sizes import Sizes
from prismrec.training.training_cost import (
    WORKING_BYTES,
    bytes_of_rules,
    bytes_of_training,
    initializations,
    rules_tried,
    seconds_of_rules,
    users_of_exact_lists,
    users_of_lists,
)

MEASURED = read_coefficients()
SMALL = Sizes(users=100, items=50, events=1_000, dim=8)


def coefficients_of(**values):
    """Return coefficients that were measured at ``SMALL``; 0 where none are given."""
    point = {"sizes": asdict(SMALL), "value": 1.0}
    quantities = {}
    for name, quantity in QUANTITIES.items():
        given = values.get(name.replace(".", "_").replace("-", "_"))
        numbers = given or [0.0] * len(quantity.terms(SMALL))
        quantities[name] = {"coefficients": numbers, "fitted": [point], "check": point}
    return Coefficients("one core", "abc", "2026-01-01", quantities, {})


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        # 100 users, 50 items, 1,000 events: 10 events and 45 pairs per user.
        ("prepare.seconds", (1, 1_000, 150)),
        ("initial.seconds", (1_000, 9_000 * 8, 400)),
        ("lists.exact.seconds", (1, 4 * 50, 4 * 50 * 8, 0)),
        ("index.ivf-sq8.seconds", (1, 50, 400)),
        ("lists.ivf-flat.seconds", (1, 32, 32 * 50**0.5)),
        ("artifact.exact.disk", (1, 50, 400)),
        ("rules.sequential.seconds", (1, 4_500 * log2(51))),
        ("rules.sequential.memory", (4_500,)),
        ("rules.item-knn.seconds", (50, 11_000, 2_500 * (1 - exp(-4.4)))),
        ("rules.item-knn.memory", (2_500 * (1 - exp(-4.4)), 11_000 * (1 - exp(-10 / 11)))),
        ("rules.ease.seconds", (2_500, 125_000)),
        ("rules.blend.seconds", (1, 10)),
        ("service.seconds", (1, 4 * 50 * 8)),
    ],
)
def test_the_terms_are_those_of_the_algorithms(name, terms):
    assert QUANTITIES[name].terms(SMALL) == pytest.approx(terms)


def test_a_step_updates_all_vectors_only_of_small_catalogs():
    small = Sizes(users=10, items=1_023, events=2_000, dim=4)
    assert QUANTITIES["step.seconds"].terms(small) == (1, 40, 50 * 4, 0, 4 * 1_023)
    dense = replace(small, users=100, events=30_000)  # 300 events per user, 29 per item
    assert QUANTITIES["step.seconds"].terms(dense) == (1, 40, 200 * 4, 200 * 4, 4 * 1_023)
    large = Sizes(users=100_000, items=2**20 - 1, events=2**20, dim=4)
    assert QUANTITIES["step.seconds"].terms(large)[1::3] == (80, 0)


def test_few_events_are_in_memory_at_once_while_rules_are_counted():
    sizes = Sizes(users=10**6, items=10**6, events=10**7)  # 45 pairs per user
    assert QUANTITIES["rules.sequential.memory"].terms(sizes) == (4.5 * 10**6,)
    similar = QUANTITIES["rules.item-knn.memory"].terms(sizes)
    assert similar[0] == pytest.approx(11 * 10**7 * 4_096 / 10**6, rel=1e-4)


def test_item_knn_of_a_dense_log_has_a_limited_number_of_pairs_in_memory():
    dense = Sizes(users=10_000, items=10_000, events=2_000_000)  # 402 M pairs of events
    terms = QUANTITIES["rules.item-knn.memory"].terms(dense)
    assert terms[0] == SIMILAR_PAIRS
    few = Sizes(users=50_000, items=1_000, events=5_000_000)  # 505 M pairs of events
    assert QUANTITIES["rules.item-knn.memory"].terms(few)[0] == pytest.approx(10**6)
    assert QUANTITIES["rules.item-knn.seconds"].terms(few)[1:] == pytest.approx(
        (505 * 10**6, 10**6)
    )


@pytest.mark.parametrize("length", [1, 2, 3, 9, 10, 11, 12, 40])
def test_pairs_are_those_of_equal_histories(length):
    expected = sum(min(place, WINDOW) for place in range(length))
    assert Sizes(users=7, items=5, events=7 * length).pairs == 7 * expected


def test_rules_are_limited_per_item():
    assert SMALL.rules == pytest.approx(9_000 * (1 - exp(-10_000 / 9_000)))
    many = replace(SMALL, events=10**9)  # all items have more than 200
    assert many.rules == pytest.approx(200 * 50)
    few = Sizes(users=5, items=10**6, events=10**6)  # 10 pairs per event, in both orders
    assert few.rules == pytest.approx(2 * 10**7, rel=0.06)
    assert replace(SMALL, users=1_000).rules == 0  # one event per user


def test_a_value_is_the_sum_of_the_terms_times_their_coefficients():
    assert value_of(QUANTITIES["prepare.seconds"], [2.0, 0.5, 0.1], SMALL) == 2 + 500 + 15


def test_a_number_beyond_the_measured_sizes_says_in_which():
    measured = coefficients_of(prepare_seconds=[1.0, 0.0, 0.0])
    assert measured.predict("prepare.seconds", SMALL) == Predicted(1.0, ())
    more = replace(SMALL, events=1_001, dim=9)
    assert measured.predict("prepare.seconds", more).beyond == ("events",)
    assert measured.predict("artifact.exact.disk", more).beyond == ("dim",)
    longer = replace(SMALL, users=50)
    assert measured.predict("step.seconds", longer).beyond == ("length",)


def test_sums_are_beyond_the_sizes_of_all_their_parts():
    first, second = Predicted(1, ("items",)), Predicted(5, ("events", "items"))
    assert first + second == Predicted(6, ("items", "events"))
    assert first.larger(second) == Predicted(5, ("items", "events"))
    assert first.times(3) == Predicted(3, ("items",))


def test_the_shipped_coefficients_are_complete():
    assert list(MEASURED.quantities) == list(QUANTITIES)
    assert MEASURED.machine
    assert MEASURED.commit
    for name, record in MEASURED.quantities.items():
        numbers = record["coefficients"]
        assert len(numbers) == len(QUANTITIES[name].terms(SMALL)), name
        assert min(numbers) >= 0, name
        assert max(numbers) > 0, name
        assert len(record["fitted"]) >= 3, name


def test_the_shipped_errors_are_those_of_the_coefficients():
    for name, record in MEASURED.quantities.items():
        check = record["check"]
        sizes = Sizes(**check["sizes"])
        assert sizes not in [Sizes(**point["sizes"]) for point in record["fitted"]], name
        predicted = MEASURED.predict(name, sizes)
        assert predicted.value == pytest.approx(check["predicted"], rel=1e-3), name
        assert check["error"] == pytest.approx(predicted.value / check["value"] - 1, abs=1e-2), name
        assert not predicted.beyond, name
    assert abs(MEASURED.training["error"]) < 1


sizes = st.builds(
    lambda users, items, more, dim, interests: Sizes(
        users=users, items=items, events=max(users, items) * more, dim=dim, interests=interests
    ),
    st.integers(1, 10**8),
    st.integers(1, 10**7),
    st.integers(1, 100),
    st.integers(1, 512),
    st.integers(1, 8),
)


FALL_WITH_ITEMS = ("step.seconds", "rules.item-knn.memory")
"""A larger catalog is less dense and has sparse gradients; fewer similar items are in memory."""


@given(sizes, st.sampled_from(["items", "events", "dim"]), st.sampled_from(sorted(QUANTITIES)))
def test_no_quantity_falls_when_a_size_rises(one, name, quantity):
    assume(name != "items" or quantity not in FALL_WITH_ITEMS)
    changed = {name: 2 * getattr(one, name)}
    if name == "items":
        changed["events"] = max(one.events, 2 * one.items)
    large = replace(one, **changed)
    known = MEASURED.quantities[quantity]["coefficients"]
    small, larger = (value_of(QUANTITIES[quantity], known, each) for each in (one, large))
    assert larger >= small * (1 - 1e-9)


@pytest.mark.slow
@given(sizes)
def test_more_users_cost_more_time_to_prepare_and_to_serve(one):
    more = replace(one, users=min(2 * one.users, one.events))
    for step in ("prepare", "lists of all users"):
        small, large = (
            next(line.value for line in plan_costs(each, MEASURED) if line.step == step)
            for each in (one, more)
        )
        assert large >= small


@given(sizes, st.sampled_from(["auto", "exact", "ivf-flat", "ivf-sq8"]))
@pytest.mark.slow
def test_no_number_of_a_plan_is_negative(one, index):
    lines = plan_costs(one, MEASURED, index=index, rate=10)
    assert all(line.value >= 0 for line in lines)
    assert [line.unit for line in lines].count("cores") == 1


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"users": 0}, "0 as users; use a number from 1"),
        ({"items": -5}, "-5 as items; use a number from 1"),
        ({"events": 99}, "99 events of 100 users"),
        ({"users": 10, "events": 49}, "49 events of 50 items"),
        ({"events": 10**13}, "10,000,000,000,000 as events"),
        ({"dim": 0}, "0 as dim"),
        ({"interests": 10**7}, "10,000,000 as interests"),
    ],
)
def test_impossible_sizes_are_refused(changed, problem):
    with pytest.raises(ConfigError, match=problem):
        replace(SMALL, **changed)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e12])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(ConfigError, match="queries_per_second"):
        plan_costs(SMALL, MEASURED, rate=rate)


def test_an_index_without_coefficients_is_refused():
    with pytest.raises(UnknownName, match="pgvector"):
        plan_costs(SMALL, MEASURED, index="pgvector")


def test_auto_is_the_index_of_the_size():
    large = Sizes(users=10**6, items=200_001, events=10**7)
    named = [line.what for line in plan_costs(large, MEASURED) if line.step == "artifact"]
    assert named[0] == "disk, index ivf-sq8"
    named = [line.what for line in plan_costs(SMALL, MEASURED) if line.step == "artifact"]
    assert named[0] == "disk, index exact"


def test_a_plan_adds_up_the_parts_of_a_training():
    sizes = Sizes(users=10_000, items=200_000, events=1_000_000, dim=8)
    measured = coefficients_of(
        initial_seconds=[1e-6, 0.0, 0.0],
        step_seconds=[0.5, 0.0, 0.0, 0.0, 0.0],
        lists_exact_seconds=[0.01, 0.0, 0.0, 0.0],
        index_exact_seconds=[0.0, 1e-6],
        rules_blend_seconds=[0.001, 0.0],
        rules_sequential_seconds=[7.0, 0.0],
        service_seconds=[1.0, 0.0],
    )
    lines = {line.what: line.value for line in plan_costs(sizes, measured) if line.step == "train"}
    assert lines["initial vectors"] == pytest.approx(0.8)  # 800,000 events, once
    # 792,000 pairs in batches of 1,024: 773 steps, eight epochs
    assert lines["steps of 8 epochs"] == 0.5 * 8 * 773
    # 1,000 validation users: 8 validations, 6 ways to form interests, popularity, rules
    assert lines["validation"] == pytest.approx(0.01 * 1_000 * (8 + 6 + 1 + 1))
    assert lines["index"] == pytest.approx(1.6)
    # Three tables of sequential rules at two weights, four of item-kNN, three more weights each,
    # and two kinds and the model alone on all users.
    assert lines["tables of rules"] == pytest.approx(3 * 7 + (6 + 3 + 8 + 3 + 3) * 1_000 * 0.001)
    parts = [value for name, value in lines.items() if name not in ("all of it", "memory")]
    assert lines["all of it"] == pytest.approx(sum(parts))


def test_lists_after_the_training_are_searched_with_its_index():
    sizes = Sizes(users=10_000, items=200_001, events=1_000_000, dim=8)
    seconds = {"lists_exact_seconds": [1.0, 0, 0, 0], "lists_ivf_sq8_seconds": [0.5, 0, 0]}
    measured = coefficients_of(service_seconds=[1.0, 0], **seconds)
    lines = {line.what: line.value for line in plan_costs(sizes, measured) if line.step == "train"}
    assert lines["validation"] == 1_000 * (8 + 0.5 * (6 + 1 + 1))


def test_a_service_needs_its_rate_times_the_seconds_of_a_request():
    measured = coefficients_of(service_seconds=[0.004, 0.0], lists_ivf_sq8_seconds=[0.006, 0, 0])
    *_, requests, _, cores = plan_costs(SMALL, measured, rate=500)
    assert (requests.value, cores.value) == pytest.approx((250, 2))
    *_, requests, _, cores = plan_costs(SMALL, measured, index="ivf-sq8", rate=500)
    assert (requests.value, cores.value) == pytest.approx((100, 5))


def test_kinds_of_rules_are_those_that_a_training_tries():
    assert rules_tried(SMALL) == {"sequential": (3, 3), "item-knn": (2, 4), "ease": (1, 2)}
    many = Sizes(users=10**6, items=20_001, events=40 * 10**6)
    assert set(rules_tried(many)) == {"sequential"}


def test_the_memory_of_rules_has_the_best_tables_of_earlier_kinds():
    # Sequential rules count 4,500 pairs.
    first, second = 8 * SMALL.rules, 8 * SMALL.similar_rules
    few = coefficients_of(rules_sequential_memory=[1.0])
    ease = 8 * 50 * 50
    assert bytes_of_rules(SMALL, few).value == max(first + 3 * second, first + second + 3 * ease)
    counting = coefficients_of(rules_sequential_memory=[100.0])
    assert bytes_of_rules(SMALL, counting).value == 450_000 + 2 * first
    similar = coefficients_of(rules_item_knn_memory=[1_000.0, 0.0])
    pairs = SMALL.similar_items
    assert bytes_of_rules(SMALL, similar).value == pytest.approx(1_000 * pairs + first + 2 * second)


def test_memory_counts_every_copy_of_the_tables():
    config = RunConfig(dim=63, tie_embeddings=False, init="random", rules=False)
    training = TrainConfig(sparse=True, ema_decay=0.9)
    one = Sizes(users=1, items=10**6 - 1, events=10**6, dim=63)
    table = 4 * 10**6 * 64

    def memory(config, training):
        needed = bytes_of_training(config, training, one, coefficients_of()).value
        return needed - WORKING_BYTES

    assert memory(config, training) == 5 * 2 * table + table
    assert memory(config, replace(training, sparse=False)) == 6 * 2 * table + table
    assert memory(replace(config, tie_embeddings=True), training) == 5 * table + table
    shared = bytes_of_training(config, training, one, coefficients_of(), shards=2)
    assert shared.value - WORKING_BYTES == 3.5 * 2 * table + table  # a half, and whole weights


def test_memory_has_the_tables_of_rules_only_if_they_are_tried():
    measured = coefficients_of(rules_sequential_memory=[1_000.0])
    config = RunConfig(dim=7, tie_embeddings=False, init="random", rules=True)
    table = 4 * 51 * 8
    with_rules = bytes_of_training(config, TrainConfig(), SMALL, measured)
    expected = 4_500 * 1_000 + 2 * 8 * SMALL.rules + 4 * table
    assert with_rules.value == pytest.approx(WORKING_BYTES + expected)
    alone = bytes_of_training(replace(config, rules=False), TrainConfig(), SMALL, measured)
    assert alone.value == WORKING_BYTES + 5 * 2 * table + table  # dense gradients, no averages


def test_the_memory_of_a_large_log_includes_its_rules():
    """20 M events of 1.5 M users used 8.3 GB, of which the data and the process had 1.7."""
    large = Sizes(users=1_495_373, items=976_992, events=19_900_000)
    config, training, part = training_of(large)
    needed = bytes_of_training(config, training, part, MEASURED)
    assert 4e9 < needed.value < 1e10
    without = bytes_of_training(replace(config, rules=False), training, part, MEASURED)
    assert needed.value > 1.3 * without.value


def test_the_seconds_of_rules_count_tables_and_blended_lists():
    measured = coefficients_of(rules_ease_seconds=[1.0, 0.0], rules_blend_seconds=[0.01, 0.0])
    # 50 items: 2,500 seconds for one table; 100 users blend 23 times and four times more.
    trials = (2 * 3 + 3) + (2 * 4 + 3) + (2 * 2 + 3)
    expected = 2_500 + 0.01 * 100 * (trials + 4)
    assert seconds_of_rules(SMALL, 100, measured).value == pytest.approx(expected)


def test_the_users_of_lists_are_those_of_all_stages():
    config = RunConfig(forming=True, rules=True, init="cooccurrence")
    of_validations = 3 * 6_147
    of_choices = 5_000 + 6 * 5_000 + 5_000  # popularity, forming, rules
    assert users_of_lists(config, 10**6, 3, 10**6) == of_validations + of_choices
    assert users_of_lists(config, 10**6, 3, 10**4) == of_validations + of_choices + 4_000
    assert users_of_lists(config, 100, 3, 10**6) == 300 + 100 + 600 + 100
    assert users_of_exact_lists(config, 10**6, 3, 10**6) == of_validations
    assert users_of_exact_lists(config, 10**6, 3, 10**4) == of_validations + 4_000
    plain = RunConfig(forming=False, rules=False, init="random")
    assert users_of_lists(plain, 100, 3, 10**4) == 300 + 100


def test_initial_vectors_are_counted_as_often_as_they_are_computed():
    config = RunConfig(init="cooccurrence", forming=True)
    assert initializations(config, 10**4) == 4  # whole histories, then three rounds
    assert initializations(config, 10**6) == 1
    assert initializations(replace(config, init_clusters=6), 10**4) == 1
    assert initializations(replace(config, init="random"), 10**4) == 0


@pytest.mark.parametrize(("items", "above"), [(65_536, 0), (65_537, 1)])
def test_exact_lists_of_a_large_catalog_have_a_cost_of_their_own(items, above):
    sizes = Sizes(users=items, items=items, events=items, dim=8)
    assert QUANTITIES["lists.exact.seconds"].terms(sizes)[3] == above
