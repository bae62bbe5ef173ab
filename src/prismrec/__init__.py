"""Prismrec: multi-interest recommendations, from an event log to a list that says why.

    import prismrec as pr

    log = pr.read_events("events.csv")
    data = pr.build_dataset(log, items=pr.read_items("items.csv"))
    split = pr.split_by_user(data)
    recommender = pr.fit(split, data.catalog).recommender
    print(pr.evaluate(recommender.ranked, split.test))
    pr.save(recommender, "books/")

``pr.fit`` makes the default model, as ``prismrec train`` does. By hand, with parts of one's own:

    model = pr.Model(data.catalog.size, pr.SelfAttentive(dim=64, interests=4, max_len=50))
    pr.train(model, split.train, pr.TrainConfig(epochs=10))
    recommender = pr.Recommender.exact(model, data.catalog)

Names are imported when they are first used, so that ``import prismrec`` is quick and reading a
log needs no torch.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from prismrec import baselines, extractors, losses, negatives, readouts
    from prismrec.artifact import load, save
    from prismrec.compare import compare
    from prismrec.data.dataset import Dataset, build_dataset
    from prismrec.data.events import EventLog, read_events
    from prismrec.data.items import read_items
    from prismrec.data.split import Split, split_by_time, split_by_user, split_leave_last_out
    from prismrec.data.storage import load_dataset, save_dataset
    from prismrec.diagnostics import diagnose
    from prismrec.dial import Dial
    from prismrec.evaluation import Report, evaluate
    from prismrec.extractors import DynamicRouting, SelfAttentive
    from prismrec.filters import Filter
    from prismrec.index import ExactIndex
    from prismrec.item_table import Memberships
    from prismrec.model import Model
    from prismrec.new_items import NewItem
    from prismrec.recipes import RunConfig, Trained, fit
    from prismrec.recommender import Recommender
    from prismrec.training import Objective, TrainConfig, train

_HOME = {
    "Dataset": "data.dataset",
    "Dial": "dial",
    "DynamicRouting": "extractors",
    "EventLog": "data.events",
    "ExactIndex": "index",
    "Filter": "filters",
    "Memberships": "item_table",
    "Model": "model",
    "NewItem": "new_items",
    "Objective": "training",
    "Recommender": "recommender",
    "Report": "evaluation",
    "RunConfig": "recipes",
    "SelfAttentive": "extractors",
    "Split": "data.split",
    "TrainConfig": "training",
    "Trained": "recipes",
    "build_dataset": "data.dataset",
    "compare": "compare",
    "diagnose": "diagnostics",
    "evaluate": "evaluation",
    "fit": "recipes",
    "load": "artifact",
    "load_dataset": "data.storage",
    "read_events": "data.events",
    "read_items": "data.items",
    "save": "artifact",
    "save_dataset": "data.storage",
    "split_by_time": "data.split",
    "split_by_user": "data.split",
    "split_leave_last_out": "data.split",
    "train": "training",
}
_MODULES = ("baselines", "extractors", "losses", "negatives", "readouts")

__all__ = [
    "Dataset",
    "Dial",
    "DynamicRouting",
    "EventLog",
    "ExactIndex",
    "Filter",
    "Memberships",
    "Model",
    "NewItem",
    "Objective",
    "Recommender",
    "Report",
    "RunConfig",
    "SelfAttentive",
    "Split",
    "TrainConfig",
    "Trained",
    "baselines",
    "build_dataset",
    "compare",
    "diagnose",
    "evaluate",
    "extractors",
    "fit",
    "load",
    "load_dataset",
    "losses",
    "negatives",
    "read_events",
    "read_items",
    "readouts",
    "save",
    "save_dataset",
    "split_by_time",
    "split_by_user",
    "split_leave_last_out",
    "train",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"prismrec.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"prismrec.{_HOME[name]}"), name)
    raise AttributeError(f"module 'prismrec' has no attribute {name!r}")
