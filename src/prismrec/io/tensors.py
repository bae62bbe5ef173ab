"""Save and read tensors in the safetensors format. No pickle."""

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prismrec.errors import DataError
from prismrec.io.files import atomic_file, check_regular


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and a text header, completely or not at all.

    Raises:
        DataError: The file cannot be written.
    """
    with atomic_file(path) as temporary:
        write_tensors(temporary, tensors, header)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and a text header, without protection against interruption.

    Use it inside ``atomic_folder``, which provides this protection.
    """
    contiguous = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    path.touch()
    # As the umask states; safetensors lets only the owner read its files.
    mode = path.stat().st_mode
    save_file(contiguous, path, metadata=dict(header))
    path.chmod(stat.S_IMODE(mode))


def read_tensors(path: Path, rows: slice | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and header from a file that ``save_tensors`` wrote.

    Args:
        path: The file.
        rows: Read only these rows of each tensor; None reads all.

    Raises:
        DataError: The file is missing, truncated, or in another format.
    """
    with _opened(path) as file:
        names = file.keys()
        if rows is None:
            tensors = {name: file.get_tensor(name) for name in names}
        else:
            tensors = {name: file.get_slice(name)[rows] for name in names}
        return tensors, file.metadata() or {}


def read_header(path: Path) -> dict[str, str]:
    """Return the text header of a file, without reading the tensors.

    Raises:
        DataError: See ``read_tensors``.
    """
    with _opened(path) as file:
        return file.metadata() or {}


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a file, without reading the tensors.

    Raises:
        DataError: See ``read_tensors``.
    """
    with _opened(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield an open file of tensors.

    Raises:
        DataError: See ``read_tensors``; the block may raise it too.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"The tensors at {path} cannot be read ({error}); create the file again or restore it."
        ) from error
