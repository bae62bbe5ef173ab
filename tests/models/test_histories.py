"""Histories of many lengths are read in groups, and the groups are joined in the old order."""

import numpy as np
import pytest
import torch

from prismrec.models import Forming, Model, Prism, SelfAttentive
from prismrec.models import histories as reading


@pytest.mark.parametrize("kind", ["sa", "formed"])
def test_groups_give_the_interests_of_one_batch(monkeypatch, kind):
    torch.manual_seed(0)
    if kind == "sa":
        model = Model(30, SelfAttentive(dim=8, interests=3, max_len=40))
    else:
        extractor = Prism(dim=8, interests=1, max_len=40, block=True)
        plain = Model(30, extractor, tie_embeddings=False, normalized=True)
        model = plain.formed(Forming(clusters=3, whole_weight=0.5))
    model.eval()
    generator = np.random.default_rng(0)
    rows = [generator.integers(1, 30, n) for n in (3, 50, 1, 7, 0, 33, 8, 2)]
    together = model.interests_of(rows)
    monkeypatch.setattr(reading, "FEW_SLOTS", 0)
    passes = []
    forward = Model.forward
    monkeypatch.setattr(
        Model, "forward", lambda self, *inputs: passes.append(0) or forward(self, *inputs)
    )
    apart = model.interests_of(rows)
    assert len(passes) == 5  # lengths 0 and 1, 2 and 3, 7, 8, and 33 and more
    for one, other in zip(together, apart, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other)


def test_groups_hold_every_row_once():
    lengths = torch.tensor([1, 200, 0, 3, 90, 64, 128, 5])
    assert [rows.tolist() for rows in reading.groups_of_similar_length(lengths)] == [list(range(8))]
    many = lengths.repeat(40)
    groups = list(reading.groups_of_similar_length(many))
    assert sorted(torch.cat(groups).tolist()) == list(range(len(many)))
    for rows in groups:
        longest, shortest = many[rows].max(), many[rows].min()
        assert longest <= 2 * max(int(shortest), 1)
    assert next(reading.groups_of_similar_length(torch.zeros(0, dtype=torch.int64))).numel() == 0
