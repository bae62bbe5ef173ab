from .files import (
    atomic_file as atomic_file,
)
from .files import (
    atomic_folder as atomic_folder,
)
from .files import (
    describe_write_errors as describe_write_errors,
)
from .files import (
    is_os_error as is_os_error,
)
from .files import (
    os_error_reason as os_error_reason,
)
from .files import (
    temporary_path as temporary_path,
)
from .manifest import (
    COUNT as COUNT,
)
from .manifest import (
    OBJECT as OBJECT,
)
from .manifest import (
    TEXT as TEXT,
)
from .manifest import (
    FieldType as FieldType,
)
from .manifest import (
    ManifestForm as ManifestForm,
)
from .manifest import (
    check_fields as check_fields,
)
from .manifest import (
    is_whole_number as is_whole_number,
)
from .manifest import (
    object_with as object_with,
)
from .manifest import (
    optional as optional,
)
from .manifest import (
    read_manifest as read_manifest,
)
from .tensors import (
    read_tensors as read_tensors,
)
from .tensors import (
    save_tensors as save_tensors,
)
from .tensors import (
    write_tensors as write_tensors,
)
from .threads import set_threads as set_threads

__all__ = [
    "COUNT",
    "OBJECT",
    "TEXT",
    "FieldType",
    "ManifestForm",
    "atomic_file",
    "atomic_folder",
    "check_fields",
    "describe_write_errors",
    "is_os_error",
    "is_whole_number",
    "object_with",
    "optional",
    "os_error_reason",
    "read_manifest",
    "read_tensors",
    "save_tensors",
    "set_threads",
    "temporary_path",
    "write_tensors",
]
