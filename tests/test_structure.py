"""Check that each measured number of the code structure is within its limit."""

import structure


def test_the_source_is_within_the_limits():
    rows = structure.static_rows(structure.SOURCE)
    assert len(rows) == 9
    above = [f"{r.name}: {r.measured}, not {r.wanted}" for r in rows if not structure.reached(r)]
    assert not above, "\n".join(above)


def test_every_kind_of_request_costs_one_forward_pass_per_batch():
    assert set(structure.forward_passes().values()) == {1}


def test_the_help_of_train_shows_the_ten_most_important_options_first():
    groups = structure.help_groups()
    assert groups[0] == 10
    assert len(groups) >= 5
    assert sum(groups) > 40


def test_a_value_above_its_limit_is_reported():
    assert not structure.reached(structure.Row("imports", "<= 70", 71))
    assert structure.reached(structure.Row("imports", "<= 70", 70))
    assert not structure.reached(structure.Row("types", "1", 2))
