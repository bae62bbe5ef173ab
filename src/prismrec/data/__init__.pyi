from .batches import Batches as Batches
from .catalog import Catalog as Catalog
from .dataset import (
    Dataset as Dataset,
)
from .dataset import (
    build_dataset as build_dataset,
)
from .events import (
    EventLog as EventLog,
)
from .events import (
    read_events as read_events,
)
from .filtering import Duplicates as Duplicates
from .histories import Histories as Histories
from .ids import IdMap as IdMap
from .items import (
    ItemColumns as ItemColumns,
)
from .items import (
    ItemDescriptions as ItemDescriptions,
)
from .items import (
    read_items as read_items,
)
from .lint import (
    LogReport as LogReport,
)
from .lint import (
    inspect_log as inspect_log,
)
from .readers.columns import Columns as Columns
from .readers.open import READERS as READERS
from .sources import (
    DATASETS as DATASETS,
)
from .sources import (
    open_named as open_named,
)
from .split import (
    Case as Case,
)
from .split import (
    Split as Split,
)
from .split import (
    make_split as make_split,
)
from .split import (
    split_by_time as split_by_time,
)
from .split import (
    split_by_user as split_by_user,
)
from .split import (
    split_leave_last_out as split_leave_last_out,
)
from .storage import (
    DATASET_FORMAT as DATASET_FORMAT,
)
from .storage import (
    load_dataset as load_dataset,
)
from .storage import (
    load_split as load_split,
)
from .storage import (
    read_catalog as read_catalog,
)
from .storage import (
    read_dataset_manifest as read_dataset_manifest,
)
from .storage import (
    save_dataset as save_dataset,
)
from .storage import (
    write_catalog as write_catalog,
)
from .synthetic import (
    PREFIX as PREFIX,
)
from .synthetic import (
    WORLDS as WORLDS,
)
from .synthetic import (
    World as World,
)
from .synthetic import (
    open_world as open_world,
)

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
    "ItemDescriptions",
    "LogReport",
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
    "read_items",
    "save_dataset",
    "split_by_time",
    "split_by_user",
    "split_leave_last_out",
    "write_catalog",
]
