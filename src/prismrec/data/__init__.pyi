from .batches import Batches
from .catalog import Catalog
from .checks import LogWarning
from .dataset import Dataset, build_dataset
from .events import EventLog, read_events
from .filtering import Duplicates
from .histories import Histories
from .ids import IdMap
from .item_content import ItemContent, read_item_content
from .items import ItemColumns, ItemDescriptions, read_items
from .lint import inspect_log
from .log_report import LogReport
from .readers.columns import Columns
from .readers.open import READERS
from .report_checks import serious_warnings
from .sources import DATASETS, open_named
from .split import Case, Split, make_split, split_by_time, split_by_user, split_leave_last_out
from .storage import (
    DATASET_FORMAT,
    load_dataset,
    load_split,
    read_catalog,
    read_dataset_manifest,
    save_dataset,
    write_catalog,
)
from .synthetic import PREFIX, WORLDS, World, open_world

__all__ = [
    "DATASETS",
    "DATASET_FORMAT",
    "PREFIX",
    "READERS",
    "WORLDS",
    "Batches",
    "Case",
    "Catalog",
    "Columns",
    "Dataset",
    "Duplicates",
    "EventLog",
    "Histories",
    "IdMap",
    "ItemColumns",
    "ItemContent",
    "ItemDescriptions",
    "LogReport",
    "LogWarning",
    "Split",
    "World",
    "build_dataset",
    "inspect_log",
    "load_dataset",
    "load_split",
    "make_split",
    "open_named",
    "open_world",
    "read_catalog",
    "read_dataset_manifest",
    "read_events",
    "read_item_content",
    "read_items",
    "save_dataset",
    "serious_warnings",
    "split_by_time",
    "split_by_user",
    "split_leave_last_out",
    "write_catalog",
]
