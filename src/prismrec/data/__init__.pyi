from .attribute_columns import Cell, Names, Numbers, check_cells
from .attributes import ATTRIBUTES_FILE, Attributes
from .batches import BatchArrays, Batches
from .build_catalog import categories_source
from .cases import Case
from .catalog import Catalog
from .checks import LogWarning
from .dataset import Dataset, build_dataset
from .dislikes import MOST_DISLIKES, still_disliked
from .events import EventLog, read_events
from .filtering import MIN_EVENTS, Duplicates
from .histories import Histories
from .ids import LONGEST_ID, IdMap, as_item_numbers, check_order, is_refused
from .item_content import WIDEST_VECTOR, ItemContent, read_item_content
from .items import ItemDescriptions, read_items
from .lint import inspect_log
from .log_report import LogReport
from .readers.columns import Columns, ItemColumns
from .readers.comparison import Comparison
from .readers.open import READERS, parquet_paths
from .readers.weighting import NO_WEIGHTING, Weighting, parse_kinds
from .refused_ids import reject_refused_ids
from .report_checks import serious_warnings, time_warnings
from .reprs import html_table, written_time
from .saved_split import describe_protocol, load_split
from .sources import DATASETS, open_named
from .spark import build_dataset_on_spark, check_for_spark
from .split import Split, make_split, split_by_time, split_by_user, split_leave_last_out
from .split_arguments import HELD_OUT
from .storage import (
    DATASET_FORMAT,
    check_dataset_folder,
    load_dataset,
    read_catalog,
    read_dataset_manifest,
    save_dataset,
    write_catalog,
)
from .synthetic import PREFIX, WORLDS, World, open_world

__all__ = [
    "ATTRIBUTES_FILE",
    "DATASETS",
    "DATASET_FORMAT",
    "HELD_OUT",
    "LONGEST_ID",
    "MIN_EVENTS",
    "MOST_DISLIKES",
    "NO_WEIGHTING",
    "PREFIX",
    "READERS",
    "WIDEST_VECTOR",
    "WORLDS",
    "Attributes",
    "BatchArrays",
    "Batches",
    "Case",
    "Catalog",
    "Cell",
    "Columns",
    "Comparison",
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
    "Names",
    "Numbers",
    "Split",
    "Weighting",
    "World",
    "as_item_numbers",
    "build_dataset",
    "build_dataset_on_spark",
    "categories_source",
    "check_cells",
    "check_dataset_folder",
    "check_for_spark",
    "check_order",
    "describe_protocol",
    "html_table",
    "inspect_log",
    "is_refused",
    "load_dataset",
    "load_split",
    "make_split",
    "open_named",
    "open_world",
    "parquet_paths",
    "parse_kinds",
    "read_catalog",
    "read_dataset_manifest",
    "read_events",
    "read_item_content",
    "read_items",
    "reject_refused_ids",
    "save_dataset",
    "serious_warnings",
    "split_by_time",
    "split_by_user",
    "split_leave_last_out",
    "still_disliked",
    "time_warnings",
    "write_catalog",
    "written_time",
]
