"""Tensors on disk: safetensors, whole or not at all. No pickle."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prismrec.errors import DataError
from prismrec.io.files import atomic_file


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and a header of text, whole or not at all.

    Raises:
        DataError: They cannot be written.
    """
    with atomic_file(path) as beside:
        write_tensors(beside, tensors, header)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and a header of text into a folder that is made whole by others."""
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file(whole, path, metadata=dict(header))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what ``save_tensors`` wrote.

    Raises:
        DataError: The file is absent, truncated, or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"The weights at {path} cannot be read ({error}); make them again or restore the file."
        ) from error
