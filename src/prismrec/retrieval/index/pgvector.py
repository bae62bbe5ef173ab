"""PostgreSQL with pgvector: the vectors are a table that other programs can read too.

    index = Pgvector.build(vectors, ids, url="postgresql:///shop")       # a table of its own
    index = Pgvector.build(vectors, ids, url="postgresql:///shop", table="item_vectors")

The search budget is pgvector's ``hnsw.ef_search``. At ``SCAN``, above the maximum of that setting,
all rows are read instead of the graph, which is exact. libpq reads connection settings that are
not in ``url`` from ``PGHOST``, ``PGPASSWORD`` or ``~/.pgpass``. A saved index contains the address
and the name of the table, never the password. The vectors stay in the database.

Without ``table`` the name follows from the content: see ``postgres``. So building tonight's index
does not change the table of yesterday's, which a service may still search. A table with a name of
your choice is replaced when an index with the same name is built.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError, StoreError
from prismrec.retrieval.index.approximate import ApproximateIndex, saved_budget
from prismrec.retrieval.index.base import Index, check_items, check_queries, sort_and_pad
from prismrec.retrieval.index.postgres import (
    SEARCH_DEADLINE,
    Content,
    check_name,
    connected,
    with_name,
)
from prismrec.retrieval.index.removal import LOCK
from prismrec.types import Candidates

SCAN = 1_001
"""The search budget that reads all rows; ``hnsw.ef_search`` is at most 1,000."""
QUERIES = 32
"""Queries per statement that searches the graph; one that reads all rows has one."""
MAX_WIDTH = 2_000
"""Largest width of a vector in an HNSW graph of pgvector."""
SEARCH = """
    SELECT q.row - 1, near.id, near.score
    FROM unnest(%s::text[]::vector[]) WITH ORDINALITY AS q(vector, row),
    LATERAL (
        SELECT id, -(vector <#> q.vector) AS score FROM {}
        ORDER BY vector <#> q.vector LIMIT %s
    ) AS near
"""


class Pgvector(ApproximateIndex):
    """A table of item vectors with an HNSW graph over their inner products.

    Args:
        url: Address of the database for libpq; see the module.
        table: Name of the table: letters, digits and ``_``, not starting with a digit.
        search_budget: See ``ApproximateIndex``.

    Raises:
        ConfigError: ``table`` is not such a name.
        DataError: The database cannot be reached or has no such table.
        MissingExtra: psycopg is not installed.

    Each search opens and closes a connection, so the database server may restart at any time. A
    statement without an answer in ``SEARCH_DEADLINE`` is an error.
    """

    kind: ClassVar[str] = "pgvector"

    def __init__(self, url: str, table: str, search_budget: int = 100) -> None:
        self.url, self.table, self.search_budget = url, check_name(table), search_budget
        with connected(url) as connection:
            self.stored = Content.read(connection, table)
            rows = connection.execute(with_name("SELECT id FROM {} ORDER BY id", table)).fetchall()
        self._ids = np.array(rows, dtype=np.int64).reshape(-1)

    @classmethod
    def build(
        cls,
        vectors: Float[np.ndarray, "N D"],
        ids: Int[np.ndarray, " N"],
        *,
        url: str = "",
        table: str | None = None,
    ) -> Self:
        """Write the table and its graph in one transaction.

        Args:
            vectors: See ``Index.build``.
            ids: See ``Index.build``.
            url: Address of the database.
            table: Name of the table; one that exists is replaced. None for a name that follows
                from the content; if that table exists, it is used as it is.

        Raises:
            ConfigError: The vectors are too wide for the graph, or ``table`` is not such a name.
            DataError: See ``Index.build``; or the database cannot be reached.
        """
        matrix, numbers = check_items(vectors, ids)
        _check_width(matrix.shape[1])
        content = Content.of(matrix, numbers)
        name = content.table if table is None else check_name(table)
        with connected(url, deadline=None) as connection:
            # Two processes that build the same table wait for each other.
            connection.execute(LOCK, [name])
            if table is not None or not _is_built(connection, name, content):
                _write_table(connection, name, content, matrix, numbers)
        return cls(url, name)

    @classmethod
    def check_possible(cls, width: int) -> None:
        """Check the width, and that the database can be reached and has pgvector.

        Raises:
            ConfigError: The vectors are too wide for the graph.
            DataError: The database cannot be reached, or its server has no pgvector.
            MissingExtra: psycopg is not installed.
        """
        _check_width(width)
        with connected("") as connection:
            installed = connection.execute(
                "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
        if installed is None:
            raise DataError(
                "The index pgvector was to be built, but the database server has no extension "
                "vector; install pgvector on it, or choose another index."
            )

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return self._ids

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.stored.width

    @property
    def search_budgets(self) -> Sequence[int]:
        """See ``ApproximateIndex.search_budgets``."""
        return 50, 100, 200, 400, 1_000, SCAN

    def with_search_budget(self, search_budget: int) -> Self:
        """See ``ApproximateIndex.with_search_budget``."""
        index = copy(self)
        index.search_budget = search_budget
        return index

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        flat = check_queries(queries, m, self.dim)
        wanted = min(m, len(self))
        items, scores = self._nearest(flat, wanted, self.search_budget)
        if (items == 0).any():  # the graph search stopped early
            items, scores = self._nearest(flat, wanted, SCAN)
        items, scores = sort_and_pad(items, scores, m)
        shape = (*queries.shape[:2], m)
        return Candidates(items.reshape(shape), scores.reshape(shape))

    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
        items = np.zeros((len(flat), m), dtype=np.int64)
        scores = np.zeros((len(flat), m), dtype=np.float32)
        counts = np.zeros(len(flat), dtype=np.int64)
        disabled, size = ("indexscan", 1) if search_budget >= SCAN else ("seqscan", QUERIES)
        statement = with_name(SEARCH, self.table)
        with connected(self.url, StoreError, deadline=SEARCH_DEADLINE) as connection:
            connection.execute(f"SET LOCAL enable_{disabled} = off")
            if search_budget < SCAN:
                connection.execute(f"SET LOCAL hnsw.ef_search = {search_budget:d}")
                connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            for start in range(0, len(flat), size):
                part = [_text(query) for query in flat[start : start + size]]
                for place, item, score in connection.execute(statement, [part, m]):
                    row = start + place
                    items[row, counts[row]], scores[row, counts[row]] = item, score
                    counts[row] += 1
        return items, scores

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        index = cls(settings["url"], settings["table"], saved_budget(settings))
        index.stored.check(index.table, settings)
        return index

    def _settings(self) -> dict[str, Any]:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        parts = {**conninfo_to_dict(self.url), "password": None}
        url = make_conninfo("", **parts)
        return {
            "url": url,
            "table": self.table,
            "search_budget": self.search_budget,
            "items": len(self),
            "width": self.dim,
            **({"sha256": self.stored.sha256} if self.stored.sha256 else {}),
        }

    def _write(self, folder: Path) -> None:
        """Write nothing: the vectors are in the database."""


def _check_width(width: int) -> None:
    """Check that the graph supports vectors of this width.

    Raises:
        ConfigError: It does not.
    """
    if not 1 <= width <= MAX_WIDTH:
        raise ConfigError(
            f"The index pgvector was to be built of vectors of width {width}; its graph "
            f"supports 1 to {MAX_WIDTH}, so choose another index or train with a smaller dim."
        )


def _is_built(connection: Any, table: str, content: Content) -> bool:
    """Return whether the database has a table with this content already."""
    (found,) = connection.execute("SELECT to_regclass(quote_ident(%s))", [table]).fetchone()
    return found is not None and Content.read(connection, table) == content


def _write_table(
    connection: Any,
    table: str,
    content: Content,
    matrix: Float[np.ndarray, "N D"],
    numbers: Int[np.ndarray, " N"],
) -> None:
    """Create a table with its graph and its mark; one of the same name is replaced."""
    from psycopg import sql

    columns = f"(id bigint PRIMARY KEY, vector vector({content.width}) NOT NULL)"
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    connection.execute(with_name("DROP TABLE IF EXISTS {}", table))
    connection.execute(with_name("CREATE TABLE {} " + columns, table))
    with connection.cursor().copy(with_name("COPY {} (id, vector) FROM STDIN", table)) as copy:
        for number, vector in zip(numbers.tolist(), matrix, strict=True):
            copy.write_row((number, _text(vector)))
    connection.execute(with_name("CREATE INDEX ON {} USING hnsw (vector vector_ip_ops)", table))
    comment = sql.Literal(content.mark(datetime.now(UTC)))
    connection.execute(sql.SQL("{} {}").format(with_name("COMMENT ON TABLE {} IS", table), comment))
    connection.execute(with_name("ANALYZE {}", table))


def _text(vector: Float[np.ndarray, " D"]) -> str:
    return str(vector.tolist())
