"""The indexes by name, and opening one from its folder."""

from pathlib import Path

from prismrec.errors import DataError
from prismrec.io import COUNT, OBJECT, FieldKind, ManifestForm, read_manifest
from prismrec.registry import resolve
from prismrec.retrieval.index.approximate import UpdatedIndex
from prismrec.retrieval.index.base import FORMAT, HEADER, Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.sharded import Sharded

INDEXES: dict[str, type[Index] | str] = {
    "exact": ExactIndex,
    "ivf-flat": "prismrec.retrieval.index.faiss:IvfFlat",
    "ivf-sq8": "prismrec.retrieval.index.faiss:IvfSq8",
    "pgvector": "prismrec.retrieval.index.pgvector:Pgvector",
}

COMPOSED: dict[str, type[Index] | str] = {"changed": UpdatedIndex, "sharded": Sharded}
"""Indexes made of others: nobody asks for them by name, but they are saved and opened."""

AGAIN = "build the index again"
FORM = ManifestForm(
    what="index",
    format=FORMAT,
    kinds={
        "kind": FieldKind(
            f"one of {', '.join((*INDEXES, *COMPOSED))}",
            lambda value: isinstance(value, str) and value in {**INDEXES, **COMPOSED},
        ),
        "parts": COUNT,
        "settings": OBJECT,
    },
    make=AGAIN,
    again=AGAIN,
)


def load_index(folder: str | Path) -> Index:
    """Open an index that ``Index.save`` wrote; arrays stay on disk where the backend can.

    Raises:
        DataError: No index, another format, a kind that is not in the tables, a damaged file,
            vectors that are not finite, or ids that do not ascend from 1.
        MissingExtra: Its library is not installed.

    Cost: the vectors are read once, block by block, to see that they are finite, O(N D) time and
        O(1) memory of its own: .3 s for a million of width 64. The ids are held, O(N).
    """
    folder = Path(folder)
    header = read_manifest(folder / HEADER, FORM)
    kind = resolve("index", header["kind"], {**INDEXES, **COMPOSED})
    parts = [load_index(folder / f"part-{number}") for number in range(header["parts"])]
    try:
        return kind.read(folder, header["settings"], parts)
    except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise DataError(f"The index {folder} is damaged ({reason}); {AGAIN}.") from error
