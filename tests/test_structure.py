"""Check that each measured number of the code structure is within its limit."""

import pytest
import structure


@pytest.mark.parametrize("row", structure.static_rows(structure.SOURCE), ids=lambda row: row.name)
def test_the_source_is_within_the_limits(row):
    assert structure.reached(row), f"{row.measured}, not {row.wanted}"


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
