"""Sharded tables: the same steps as with whole ones, checkpoints, and any number of processes."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch import distributed

from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError
from prismrec.models import FetchedRows, ItemCategories
from prismrec.models.extractors import SelfAttentive
from prismrec.models.model import Model
from prismrec.models.samplers import mixed
from prismrec.training import Objective, TrainConfig, checkpoint, run, train
from prismrec.training.processes import ALONE, Processes
from prismrec.training.sharding import SHARDED_ABOVE, ShardedTables, is_sharded
from shared_steps import run as run_steps
from shared_steps import run_in

SIZE, STEPS = 60, 200


@pytest.fixture
def sharded(monkeypatch):
    """One process that has all rows, with the collective operations of several."""
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    monkeypatch.setattr(run, "is_sharded", lambda *_: True)
    yield
    distributed.destroy_process_group()


def parts(*, tied=False, categories=False, dislikes=False):
    """Return model, histories and objective."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    histories = Histories.of([random.integers(1, SIZE, random.integers(2, 9)) for _ in range(40)])
    model = Model(SIZE, SelfAttentive(dim=4, interests=2, max_len=8), tie_embeddings=tied)
    if categories:
        bounds = np.concatenate([[0, 0], np.arange(1, SIZE)])
        groups = ItemCategories.of(bounds, random.integers(0, 5, SIZE - 1))
        model.add_category_embeddings(groups)
    lists = [random.integers(1, SIZE, 2) for _ in range(40)]
    return model, histories, Objective(
        negatives=mixed(torch.from_numpy(histories.counts(SIZE)), 8),
        dislikes=Histories.of(lists) if dislikes else None,
    )  # fmt: skip


def config(**options):
    given = {"steps": 30, "batch_size": 50, "validate_every": 10, "ema_decay": 0.9}
    return TrainConfig(sparse=True, device="cpu", **given | options)


def trained(folder=None, resume=False, on_step=None, *, options=None, **kinds):
    """Train; return the weights and the losses."""
    model, histories, objective = parts(**kinds)
    losses = []

    def validate():
        assert len(model.items.weight) == SIZE, "tables are whole"
        return float(model.items.weight.abs().sum())

    train(
        model, histories, config(**options or {}), objective, validate=validate, folder=folder,
        resume=resume, on_step=on_step or (lambda step: losses.append(step.losses["loss"])),
    )  # fmt: skip
    return model.state_dict(), losses


def assert_close(weights, expected):
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        if name != "extractor.to_heads.bias":  # no loss depends on it, so Adam enlarges rounding
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kinds", [{}, {"tied": True}, {"categories": True}, {"tied": True, "dislikes": True}]
)
@pytest.mark.slow
@pytest.mark.parametrize("folder", [True, False])
def test_a_run_with_sharded_tables_is_that_with_whole_ones(kinds, folder, tmp_path, request):
    expected, losses = trained(**kinds)
    request.getfixturevalue("sharded")
    weights, found = trained(tmp_path if folder else None, **kinds)
    assert found == pytest.approx(losses, rel=1e-5)
    assert_close(weights, expected)


@pytest.mark.slow
def test_the_gradient_is_clipped_by_the_norm_of_all_shards(request):
    expected, losses = trained(options={"clip": 0.01})
    request.getfixturevalue("sharded")
    weights, found = trained(options={"clip": 0.01})
    assert found == pytest.approx(losses, rel=1e-5)
    assert_close(weights, expected)


class StopError(Exception):
    """The process ends."""


def stop_at(step):
    def on_step(progress):
        if progress.step == step:
            raise StopError

    return on_step


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.slow
def test_a_run_continues_from_a_checkpoint_with_and_without_shards(
    first, tmp_path, request, monkeypatch
):
    expected, _ = trained()
    request.getfixturevalue("sharded")
    for resume, with_shards in enumerate([first, not first]):
        monkeypatch.setattr(run, "is_sharded", lambda *_, wanted=with_shards: wanted)
        stop = None if resume else stop_at(25)
        with pytest.raises(StopError) if stop else monkeypatch.context():
            found, _ = trained(tmp_path, bool(resume), stop)
    assert_close(found, expected)


@pytest.mark.slow
def test_the_last_complete_checkpoint_counts_if_the_rows_of_a_later_one_were_written(
    sharded, tmp_path, monkeypatch, assert_same
):
    expected, _ = trained()
    save = checkpoint.save_tensors

    def fails_at_the_second(path, tensors, header):
        progress = json.loads(header.get("progress", "{}"))
        if progress.get("step") == 20:
            raise StopError
        save(path, tensors, header)

    monkeypatch.setattr(checkpoint, "save_tensors", fails_at_the_second)
    with pytest.raises(StopError):
        trained(tmp_path)
    names = sorted(path.name for path in tmp_path.glob("last-*"))
    assert names == [f"last-step-{step}-rows-0-{SIZE}.safetensors" for step in (10, 20)]
    monkeypatch.undo()
    monkeypatch.setattr(run, "is_sharded", lambda *_: True)
    found, losses = trained(tmp_path, True)
    assert len(losses) == 20
    assert_same(found, expected)
    assert len(list(tmp_path.glob("last-*"))) == 1, "files of earlier steps are removed"


@pytest.mark.slow
def test_parts_of_files_that_a_killed_process_left_are_removed(sharded, tmp_path):
    (tmp_path / f"last-step-7-rows-0-{SIZE}.safetensors.prismrec-part").write_bytes(b"half")
    trained(tmp_path)
    names = sorted(path.name for path in tmp_path.glob("last-*"))
    assert names == [f"last-step-30-rows-0-{SIZE}.safetensors"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shards_of_any_number_of_processes_are_read_from_the_files_of_others(tmp_path, count):
    whole = torch.arange(2.0 * SIZE).reshape(SIZE, 2)
    bounds = [(0, 25), (25, 50), (50, SIZE)]
    files = []
    for first, last in bounds:
        files.append((f"{first}.safetensors", (first, last)))
        rows = whole[first:last]
        checkpoint.save_tensors(tmp_path / files[-1][0], {"a": rows, "b": rows[:, 0]}, {})
    for rank in range(count):
        model, *_ = parts()
        shard = ShardedTables(model, Processes(rank, count))
        found = checkpoint._read_rows(tmp_path, files, *shard.bounds)
        torch.testing.assert_close(found["a"], whole[slice(*shard.bounds)])
        torch.testing.assert_close(found["b"], whole[slice(*shard.bounds), 0])
        items = torch.tensor([0, 3, 24, 25, 30, 31, 59])
        own, local = shard._own(items)
        assert (items[own] - shard.bounds[0]).tolist() == local.tolist()
        assert all(shard.bounds[0] <= item < shard.bounds[1] for item in items[own])


def test_a_missing_file_of_a_shard_is_an_error(sharded, tmp_path):
    with pytest.raises(StopError):
        trained(tmp_path, on_step=stop_at(15))
    for path in tmp_path.glob("last-*"):
        path.unlink()
    with pytest.raises(DataError, match="last-step-10-rows-0-60"):
        trained(tmp_path, True)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_shards_have_every_row_once(count):
    rows = []
    for rank in range(count):
        model, *_ = parts()
        whole = model.items.weight.detach()
        shard = ShardedTables(model, Processes(rank, count))
        torch.testing.assert_close(model.items.weight.detach(), whole[slice(*shard.bounds)])
        rows += range(*shard.bounds)
        assert 0 < len(model.items.weight) <= -(-SIZE // count)
    assert rows == list(range(SIZE))


def test_tables_are_sharded_in_several_processes_above_ten_million_items():
    two, many = Processes(0, 2), SHARDED_ABOVE + 1
    assert is_sharded(config(sharded=True), SIZE, two)
    assert not is_sharded(config(sharded=True), SIZE, ALONE)
    assert is_sharded(config(sharded=True), 49, Processes(0, 7))
    assert not is_sharded(config(sharded=True), 48, Processes(0, 7)), "a shard could be empty"
    assert not is_sharded(config(), SHARDED_ABOVE, two)
    assert is_sharded(config(), many, two)
    assert not is_sharded(config(sharded=False), many, two)
    assert not is_sharded(TrainConfig(), many, two), "gradients are dense"


def test_shards_with_dense_gradients_are_an_error():
    model, histories, objective = parts()
    with pytest.raises(ConfigError, match="sharded was set without sparse"):
        train(model, histories, TrainConfig(sharded=True, steps=1), objective)


def test_fetched_rows_are_looked_up_by_item_and_have_gradients():
    rows = FetchedRows(torch.tensor([0, 3, 9]), torch.tensor([[0.0], [1.0], [2.0]]))
    found = rows.vectors_of(torch.tensor([[9, 0], [9, 3]]))
    assert found.flatten().tolist() == [2, 0, 2, 1]
    found.sum().backward()
    assert rows.rows.grad.flatten().tolist() == [0, 1, 2], "padding has no gradient"


@pytest.mark.parametrize("item", [1, 4, 10])
def test_an_item_that_was_not_fetched_is_an_error(item):
    rows = FetchedRows(torch.tensor([0, 3, 9]), torch.zeros(3, 1))
    with pytest.raises(IndexError, match="not fetched"):
        rows.vectors_of(torch.tensor([3, item]))


@pytest.mark.slow
def test_processes_with_shards_make_the_same_steps_as_one_with_whole_tables(tmp_path):
    expected = run_steps(tmp_path / "alone", STEPS, ALONE)
    # One of two processes is killed at step 110; both start again from the checkpoint of step 100.
    found = [run_in(2, tmp_path / "two", STEPS, 110, restarts=1, sharded=True)]
    # The checkpoint of two processes continues in three, and in one with whole tables.
    shutil.copytree(tmp_path / "two" / "copy", tmp_path / "three")
    found.append(run_in(3, tmp_path / "three", STEPS, sharded=True))
    found.append(run_steps(tmp_path / "two" / "copy", STEPS, ALONE))
    for losses in found:
        assert list(losses) == list(range(101, STEPS + 1)), "not repeated from the start"
        assert losses == pytest.approx({step: expected[step] for step in losses}, rel=1e-5)
