from .arrays import FLOATS, INTEGERS, damaged, read_array, read_blocks
from .files import (
    TEMPORARY,
    atomic_file,
    atomic_folder,
    check_output_folder,
    check_regular,
    check_writable_folder,
    describe_write_errors,
    flush_folder,
    is_os_error,
    named_path,
    only_writer,
    open_regular,
    os_error_reason,
    temporary_path,
)
from .folder_kinds import FolderKind, check_replaceable
from .locks import locked, open_locked
from .manifest import (
    COUNT,
    OBJECT,
    TEXT,
    FieldType,
    ManifestForm,
    check_keys,
    object_with,
    optional,
    read_manifest,
)
from .postgres import connect_postgres
from .progress import duration, listening, part_of_stage, stage, track
from .rows import copy_rows
from .spark import spark_path, worker_errors
from .steps import as_step, listening_to_steps
from .tensors import read_header, read_tensors, save_tensors, tensor_shapes, write_tensors
from .threads import set_threads

__all__ = [
    "COUNT",
    "FLOATS",
    "INTEGERS",
    "OBJECT",
    "TEMPORARY",
    "TEXT",
    "FieldType",
    "FolderKind",
    "ManifestForm",
    "as_step",
    "atomic_file",
    "atomic_folder",
    "check_keys",
    "check_output_folder",
    "check_regular",
    "check_replaceable",
    "check_writable_folder",
    "connect_postgres",
    "copy_rows",
    "damaged",
    "describe_write_errors",
    "duration",
    "flush_folder",
    "is_os_error",
    "listening",
    "listening_to_steps",
    "locked",
    "named_path",
    "object_with",
    "only_writer",
    "open_locked",
    "open_regular",
    "optional",
    "os_error_reason",
    "part_of_stage",
    "read_array",
    "read_blocks",
    "read_header",
    "read_manifest",
    "read_tensors",
    "save_tensors",
    "set_threads",
    "spark_path",
    "stage",
    "temporary_path",
    "tensor_shapes",
    "track",
    "worker_errors",
    "write_tensors",
]
