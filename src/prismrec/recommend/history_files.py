"""Files of histories: one Parquet file, or the folder of a data warehouse."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prismrec.errors import DataError


def files_of(histories: Path) -> list[Path]:
    """Return the file, or the Parquet files of a folder and of the folders in it."""
    if not histories.is_dir():
        return [histories]
    found = [
        file
        for file in sorted(histories.rglob("*.parquet"))
        if file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(histories).parts)
    ]
    if not found:
        raise DataError(
            f"The folder {histories} has no file that ends in .parquet; give the folder of the "
            "histories."
        )
    return found


def open_histories(histories: Path) -> pq.ParquetFile:
    """Open the file of histories and check its columns."""
    try:
        source = pq.ParquetFile(histories)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{histories} does not read as a Parquet file of histories ({error}); give one "
            "with the columns user and history."
        ) from error
    check_columns(source.schema_arrow, str(histories))
    return source


def check_columns(schema: pa.Schema, where: str) -> None:
    """Check that there are the columns user and history, of types that hold ids."""
    fields = {field.name: field.type for field in schema}
    history = fields.get("history", pa.null())
    is_list = pa.types.is_list(history) or pa.types.is_large_list(history)
    if "user" not in fields or not is_list or not _is_id(history.value_type):
        raise DataError(
            f"{where} needs the columns user and history (lists of item ids), but "
            f"it has {', '.join(f'{n!r} ({t})' for n, t in fields.items())}."
        )
    if not _is_id(fields["user"]):
        raise DataError(
            f"The column user of {where} is {fields['user']}, which cannot hold ids "
            "exactly; write it as whole numbers or text."
        )


def _is_id(kind: pa.DataType) -> bool:
    """Return whether a type holds ids exactly; null is the type of an empty column."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    held = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
    return any(holds(kind) for holds in held)


def chunks_of(files: Sequence[Path], size: int) -> Iterator[pa.RecordBatch]:
    """Yield the histories, at most ``size`` at a time; a chunk is of one file."""
    for file in files:
        try:
            with pq.ParquetFile(file) as source:
                yield from source.iter_batches(size, columns=["user", "history"])
        except (OSError, pa.ArrowException) as error:
            reason = str(error).strip().partition("\n")[0]
            raise DataError(f"{file} is damaged ({reason}); write it again.") from error
