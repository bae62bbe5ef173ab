"""PostgreSQL with pgvector: the vectors are a table that other programs may read too.

    index = Pgvector.build(vectors, ids, url="postgresql:///shop", table="item_vectors")

Effort is pgvector's ``hnsw.ef_search``; above what it allows, at ``SCAN``, no graph is read but
every row, which is exact. What is not in ``url`` libpq takes from its own places (``PGHOST``,
``PGPASSWORD``, ``~/.pgpass``). A saved index is the address and the table's name, never the
password; the vectors stay in the database, where building under the same name replaces them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError, MissingExtra
from prismrec.retrieval.index.approximate import ApproximateIndex, saved_budget
from prismrec.retrieval.index.base import Index, checked_items, checked_queries, in_order
from prismrec.types import Candidates

SCAN = 1_001
"""The effort that reads every row; pgvector's own end at 1 000."""
WIDEST = 2_000
"""Numbers in a vector that pgvector's graph takes."""
SEARCH = """
    SELECT q.row - 1, near.id, near.score
    FROM unnest(%s::text[]::vector[]) WITH ORDINALITY AS q(vector, row),
    LATERAL (
        SELECT id, -(vector <#> q.vector) AS score FROM {}
        ORDER BY vector <#> q.vector LIMIT %s
    ) AS near
"""


class Pgvector(ApproximateIndex):
    """A table of item vectors with a graph (HNSW) over their inner products.

    Args:
        url: What libpq connects to; see the module.
        table: The table's name: letters, digits and ``_``, the first no digit.
        effort: See ``ApproximateIndex``.

    Raises:
        ConfigError: ``table`` is not such a name.
        DataError: The database cannot be reached or holds no such table.
        MissingExtra: psycopg is not installed.

    Each search opens a connection: none is held, and a server may restart in between.
    """

    kind: ClassVar[str] = "pgvector"

    def __init__(self, url: str, table: str, search_budget: int = 100) -> None:
        self.url, self.table, self.search_budget = url, _plain(table), search_budget
        with _connection(url) as connection:
            rows = connection.execute(_sql("SELECT id FROM {} ORDER BY id", table)).fetchall()
            width = connection.execute(
                "SELECT atttypmod FROM pg_attribute"
                " WHERE attrelid = to_regclass(quote_ident(%s)) AND attname = 'vector'",
                [table],
            ).fetchone()
        self._ids, self._dim = np.array(rows, dtype=np.int64).reshape(-1), int(width[0])

    @classmethod
    def build(
        cls,
        vectors: Float[np.ndarray, "N D"],
        ids: Int[np.ndarray, " N"],
        *,
        url: str = "",
        table: str = "prismrec_items",
    ) -> Self:
        """Write the table, in place of the one of that name, and its graph, in one transaction.

        Raises:
            ConfigError: Vectors too wide for pgvector's graph, or not such a name.
            DataError: See ``Index.build``; or the database cannot be reached.
        """
        matrix, numbers = checked_items(vectors, ids)
        width = matrix.shape[1]
        if not 1 <= width <= WIDEST:
            raise ConfigError(
                f"pgvector was given vectors of width {width}; its graph takes 1 to {WIDEST}."
            )
        _plain(table)
        columns = f"(id bigint PRIMARY KEY, vector vector({width}) NOT NULL)"
        with _connection(url) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(_sql("DROP TABLE IF EXISTS {}", table))
            connection.execute(_sql("CREATE TABLE {} " + columns, table))
            with connection.cursor().copy(_sql("COPY {} (id, vector) FROM STDIN", table)) as copy:
                for number, vector in zip(numbers.tolist(), matrix, strict=True):
                    copy.write_row((number, _text(vector)))
            connection.execute(_sql("CREATE INDEX ON {} USING hnsw (vector vector_ip_ops)", table))
            connection.execute(_sql("ANALYZE {}", table))
        return cls(url, table)

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return self._ids

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self._dim

    @property
    def search_budgets(self) -> Sequence[int]:
        """See ``ApproximateIndex.search_budgets``."""
        return 50, 100, 200, 400, 1_000, SCAN

    def with_search_budget(self, search_budget: int) -> Self:
        """See ``ApproximateIndex.with_search_budget``."""
        return type(self)(self.url, self.table, search_budget)

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        flat = checked_queries(queries, m, self.dim)
        wanted = min(m, len(self))
        items, scores = self._nearest(flat, wanted, self.search_budget)
        if (items == 0).any():  # the graph gave up early
            items, scores = self._nearest(flat, wanted, SCAN)
        items, scores = in_order(items, scores, m)
        shape = (*queries.shape[:2], m)
        return Candidates(items.reshape(shape), scores.reshape(shape))

    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
        items = np.zeros((len(flat), m), dtype=np.int64)
        scores = np.zeros((len(flat), m), dtype=np.float32)
        avoided = "indexscan" if search_budget >= SCAN else "seqscan"
        with _connection(self.url) as connection:
            connection.execute(f"SET LOCAL enable_{avoided} = off")
            if search_budget < SCAN:
                connection.execute(f"SET LOCAL hnsw.ef_search = {search_budget:d}")
                connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            found = connection.execute(
                _sql(SEARCH, self.table), [[_text(query) for query in flat], m]
            ).fetchall()
        with_defaults = np.zeros(len(flat), dtype=np.int64)
        for row, item, score in found:
            items[row, with_defaults[row]], scores[row, with_defaults[row]] = item, score
            with_defaults[row] += 1
        return items, scores

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        index = cls(settings["url"], settings["table"], saved_budget(settings))
        if len(index) != settings["items"]:
            raise DataError(
                f"The table {index.table} holds {len(index)} items, but the index at {folder} was "
                f"saved with {settings['items']}; build the index again."
            )
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
        }

    def _write(self, folder: Path) -> None:
        """Nothing: all is in the database."""


def _plain(table: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", table):
        raise ConfigError(
            f"The table of an index was to be named {table!r}; a name is of letters, digits and "
            "_, at most 63, the first no digit."
        )
    return table


def _text(vector: Float[np.ndarray, " D"]) -> str:
    return str(vector.tolist())


def _sql(statement: str, table: str) -> Any:
    """Put a table's name into a statement, quoted."""
    from psycopg import sql

    return sql.SQL(statement).format(sql.Identifier(table))


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    """Open a connection for one transaction."""
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra.for_("The index pgvector", "stores") from error
    try:
        with psycopg.connect(url) as connection:
            yield connection
    except psycopg.Error as error:
        raise DataError(
            f"The database of an index could not be used ({str(error).strip()}); check its "
            "address, that it runs, and that the index was built there."
        ) from error
