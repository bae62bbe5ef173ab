from .files import (
    atomic_file,
    atomic_folder,
    check_output_folder,
    check_writable_folder,
    describe_write_errors,
    flush_folder,
    is_os_error,
    only_writer,
    os_error_reason,
    temporary_path,
)
from .manifest import (
    COUNT,
    OBJECT,
    TEXT,
    FieldType,
    ManifestForm,
    check_fields,
    is_whole_number,
    object_with,
    optional,
    read_manifest,
)
from .progress import Listener, listening, part_of_stage, stage, track
from .rows import copy_rows
from .spark import spark_path, worker_errors
from .steps import StepListener, as_step, listening_to_steps
from .tensors import read_tensors, save_tensors, write_tensors
from .threads import set_threads

__all__ = [
    "COUNT",
    "OBJECT",
    "TEXT",
    "FieldType",
    "Listener",
    "ManifestForm",
    "StepListener",
    "as_step",
    "atomic_file",
    "atomic_folder",
    "check_fields",
    "check_output_folder",
    "check_writable_folder",
    "copy_rows",
    "describe_write_errors",
    "flush_folder",
    "is_os_error",
    "is_whole_number",
    "listening",
    "listening_to_steps",
    "object_with",
    "only_writer",
    "optional",
    "os_error_reason",
    "part_of_stage",
    "read_manifest",
    "read_tensors",
    "save_tensors",
    "set_threads",
    "spark_path",
    "stage",
    "temporary_path",
    "track",
    "worker_errors",
    "write_tensors",
]
