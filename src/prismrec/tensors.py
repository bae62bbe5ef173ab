"""Tensors on disk: safetensors, whole or not at all. No pickle."""

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prismrec.errors import DataError


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and a header of text beside their place, and rename them into it."""
    beside = path.with_name(path.name + ".part")
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file(whole, beside, metadata=dict(header))
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


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
