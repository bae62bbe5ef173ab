"""Train one peer and write its lists; ``bench_peers.py`` runs this in the peers' environment.

    peers/bin/python benchmarks/peers/peers.py implicit-als FOLDER --threads 2 --newest 50

FOLDER contains ``train.npz`` and ``cases.npz`` (``indptr``, ``items``; histories oldest first,
items from 1). It receives ``lists.npy`` ``[cases, 50]``, without the items of the history, 0 where
a list is shorter; and ``seconds.json``. Settings are the defaults of the libraries, except for the
options of the command line.
"""

import argparse
import json
import logging
import os
import time
import warnings
from pathlib import Path

import numpy as np

LENGTH = 50
EPOCHS = 20
"""Epochs of the sequential models."""


def read_histories(path):
    """Return histories as a list of arrays."""
    with np.load(path) as arrays:
        return np.split(arrays["items"], arrays["indptr"][1:-1])


def to_matrix(histories, size):
    """Return histories as a 0/1 matrix, ``[users, size]``."""
    from scipy import sparse

    users = len(histories)
    rows = np.repeat(np.arange(users), [len(history) for history in histories])
    items = np.concatenate(histories)
    table = sparse.csr_matrix((np.ones(len(items), np.float32), (rows, items)), (users, size))
    table.data[:] = 1
    return table


def top_unseen(scores, cases):
    """Return the items of highest score that are not in the history."""
    scores[:, 0] = -np.inf
    for row, history in enumerate(cases):
        scores[row, history] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :LENGTH]


def fit_implicit(model, train, size):
    """Train a model of implicit; return its seconds."""
    began = time.perf_counter()
    model.fit(to_matrix(train, size), show_progress=False)
    return time.perf_counter() - began


def implicit_als(train, cases, size, args):
    """Train ALS; the factors of a test user are computed from the history."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=64, num_threads=args.threads, random_state=0)
    seconds = fit_implicit(model, train, size)
    known = to_matrix(cases, size)
    found, _ = model.recommend(np.arange(len(cases)), known, N=LENGTH, recalculate_user=True)
    return found, seconds


def implicit_bpr(train, cases, size, args):
    """Train BPR; a test user is the mean of the item factors of the history."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(factors=64, num_threads=args.threads, random_state=0)
    seconds = fit_implicit(model, train, size)
    factors = model.item_factors
    users = np.array([factors[history].mean(axis=0) for history in cases])
    users[:, -1] = 1  # the factor of the item bias
    return top_unseen(users @ factors.T, cases), seconds


def implicit_cosine(train, cases, size, args):
    """Count cosine item-kNN with 200 neighbours."""
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=200, num_threads=args.threads)
    seconds = fit_implicit(model, train, size)
    found, scores = model.recommend(np.arange(len(cases)), to_matrix(cases, size), N=LENGTH)
    return np.where(scores > 0, found, 0), seconds


def rectools_sasrec(train, cases, size, args):  # noqa: ARG001
    """Train SASRec of RecTools: one pass over all prefixes, full softmax."""
    import pandas as pd
    import torch
    from rectools import Columns
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    torch.manual_seed(0)

    def frame(histories):
        lengths = [len(history) for history in histories]
        columns = {
            Columns.User: np.repeat(np.arange(len(histories)), lengths),
            Columns.Item: np.concatenate(histories),
            Columns.Weight: 1.0,
            Columns.Datetime: pd.to_datetime(np.concatenate([np.arange(n) for n in lengths])),
        }
        return pd.DataFrame(columns)

    model = SASRecModel(
        n_factors=64,
        session_max_len=args.newest,
        epochs=EPOCHS,
        loss="softmax",
        deterministic=True,
    )
    began = time.perf_counter()
    model.fit(Dataset.construct(frame(train)))
    seconds = time.perf_counter() - began
    known = Dataset.construct(frame(cases))
    users = np.arange(len(cases))
    found = model.recommend(users, known, k=LENGTH, filter_viewed=True)
    lists = np.zeros((len(cases), LENGTH), dtype=np.int64)
    place = found[Columns.Rank].to_numpy() - 1
    lists[found[Columns.User].to_numpy(), place] = found[Columns.Item].to_numpy()
    return lists, seconds


def recbole_sasrec(train, cases, size, args):
    """Train SASRec of RecBole: full softmax, its own prefixes and its own trainer."""
    import tempfile

    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.data.interaction import Interaction
    from recbole.model.sequential_recommender import SASRec
    from recbole.trainer import Trainer

    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory) / "log"
        folder.mkdir()
        lines = ["user_id:token\titem_id:token\ttimestamp:float"]
        lines += [f"{u}\t{i}\t{n}" for u, one in enumerate(train) for n, i in enumerate(one)]
        (folder / "log.inter").write_text("\n".join(lines))
        settings = {
            "data_path": directory, "checkpoint_dir": directory,
            "show_progress": False, "use_gpu": False,
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "MAX_ITEM_LIST_LENGTH": args.newest, "hidden_size": 64, "inner_size": 256,
            "train_neg_sample_args": None, "epochs": EPOCHS, "train_batch_size": 1024,
            "eval_args": {"split": {"LS": "valid_only"}, "order": "TO", "mode": "full"},
            "eval_step": 0, "state": "WARNING", "seed": 0,
        }  # fmt: skip
        config = Config(model="SASRec", dataset="log", config_dict=settings)
        data = create_dataset(config)
        batches, *_ = data_preparation(config, data)
        torch.manual_seed(0)
        model = SASRec(config, batches.dataset)
        began = time.perf_counter()
        Trainer(config, model).fit(batches, saved=False, show_progress=False)
        seconds = time.perf_counter() - began
        numbers = np.zeros(size, dtype=np.int64)  # from our numbers to RecBole's; 0: not trained
        for name, number in data.field2token_id["item_id"].items():
            if name != "[PAD]":
                numbers[int(name)] = number
    padded = np.zeros((len(cases), args.newest), dtype=np.int64)
    for row, history in enumerate(cases):
        items = numbers[history]
        items = items[items > 0][-args.newest :]
        padded[row, : len(items)] = items
    lengths = np.maximum((padded > 0).sum(axis=1), 1)
    model.eval()
    with torch.no_grad():
        known = {"item_id_list": torch.from_numpy(padded), "item_length": torch.from_numpy(lengths)}
        scores = model.full_sort_predict(Interaction(known)).view(len(cases), -1).numpy()
    ours = np.full((len(cases), size), -np.inf, dtype=np.float32)
    trained = np.flatnonzero(numbers)
    ours[:, trained] = scores[:, numbers[trained]]
    return top_unseen(ours, cases), seconds


PEERS = {
    "implicit-als": implicit_als,
    "implicit-bpr": implicit_bpr,
    "implicit-cosine": implicit_cosine,
    "rectools-sasrec": rectools_sasrec,
    "recbole-sasrec": recbole_sasrec,
}


def main(args):
    """Train a peer, recommend to every case, and write the lists."""
    import torch

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(args.threads)
    train, cases = (read_histories(args.folder / f"{name}.npz") for name in ("train", "cases"))
    size = 1 + max(int(one.max()) for one in [*train, *cases])
    lists, seconds = PEERS[args.peer](train, cases, size, args)
    np.save(args.folder / "lists.npy", np.asarray(lists, dtype=np.int64))
    (args.folder / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # recommended by implicit
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--newest", type=int, default=50, help="events a model reads")
    main(parser.parse_args())
