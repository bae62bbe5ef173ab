"""The largest singular values and vectors of a sparse table.

    left, values, right = randomized_svd(table, 64, seed=0)     # table ~ (left * values) @ right.T
    left, values, right = factor_many(table, 64, seed=0)        # the same for a million rows

Source: Halko, Martinsson and Tropp, SIAM Review 2011, for the randomized SVD; Stathopoulos and Wu,
SIAM Journal on Scientific Computing 2002, for orthonormal columns from their inner products.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse

from prismrec.io import track

OVERSAMPLES, POWER_ITERATIONS = 8, 4
"""Of the randomized SVD: additional columns, and power iterations."""
ITERATIONS_OF_MANY = 3
"""Power iterations of ``factor_many``: a fourth one is a fifth of its time."""
ROWS = 1 << 16
"""Rows of a dense matrix that are converted at a time."""
LEAST = 1e-12
"""Share of the largest squared length below which a direction counts as absent."""

_Factors = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def randomized_svd(table: sparse.csr_array, rank: int, *, seed: int) -> _Factors:
    """Compute the ``rank`` largest singular triplets: left [V, R], values [R], right [V, R].

    Cost: O((pairs + V R) R) time per iteration, O(V R) memory.
    """
    width = min(rank + OVERSAMPLES, table.shape[0])
    random = np.random.default_rng(seed).standard_normal((table.shape[1], width))
    transposed = sparse.csr_array(table.T)
    basis = np.linalg.qr(table @ random.astype(np.float32))[0]
    for _ in track(range(POWER_ITERATIONS), "factoring the pairs", POWER_ITERATIONS):
        basis = np.linalg.qr(transposed @ basis)[0]
        basis = np.linalg.qr(table @ basis)[0]
    small, values, right = np.linalg.svd((transposed @ basis).T, full_matrices=False)
    left: NDArray[np.float32] = basis @ small[:, :rank]
    return left, values[:rank], right[:rank].T


def factor_many(table: sparse.csr_array, rank: int, *, seed: int) -> _Factors:
    """Compute what ``randomized_svd`` computes, in a fraction of its time and memory.

    The columns are made orthonormal by their inner products, in blocks of rows: LAPACK's QR of a
    million rows takes ten times as long, and three copies. The results of the two functions differ
    slightly, like those of two seeds. Columns beyond the rank of the table are 0.

    Cost: O((pairs + V R) R) time per iteration; two dense [V, R] matrices of memory.
    """
    width = min(rank + OVERSAMPLES, table.shape[0])
    random = np.random.default_rng(seed)
    transposed = table.T  # the same numbers, not a copy
    basis = _orthonormal(table @ random.standard_normal((table.shape[1], width), dtype=np.float32))
    for _ in track(range(ITERATIONS_OF_MANY), "factoring the pairs", ITERATIONS_OF_MANY):
        basis = _orthonormal(transposed @ basis)
        basis = _orthonormal(table @ basis)
    along = transposed @ basis
    squares, directions = np.linalg.eigh(_products(along))
    squares, directions = squares[::-1][:rank], directions[:, ::-1][:, :rank]
    left = _times(basis, directions)
    values = np.sqrt(np.maximum(squares, 0))
    right = _times(along, directions * _inverse_root(squares))
    return left, values.astype(np.float32), right


def _orthonormal(matrix: Float[NDArray[np.float32], "V R"]) -> Float[NDArray[np.float32], "V R"]:
    """Compute orthonormal columns with the same span; the second round removes rounding errors."""
    for _ in range(2):
        squares, directions = np.linalg.eigh(_products(matrix))
        matrix = _times(matrix, directions * _inverse_root(squares))
    return matrix


def _inverse_root(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one over the root of each number; 0 for those that are 0 but for rounding."""
    present = squares > LEAST * max(squares.max(initial=0), LEAST)
    root: NDArray[np.float64] = np.where(present, 1 / np.sqrt(np.where(present, squares, 1)), 0)
    return root


def _products(matrix: Float[NDArray[np.float32], "V R"]) -> Float[NDArray[np.float64], "R R"]:
    """Compute the inner products of the columns, in double precision."""
    products = np.zeros((matrix.shape[1], matrix.shape[1]))
    for start in range(0, len(matrix), ROWS):
        block = matrix[start : start + ROWS].astype(np.float64)
        products += block.T @ block
    return products


def _times(
    matrix: Float[NDArray[np.float32], "V R"], small: Float[NDArray[np.float64], "R S"]
) -> Float[NDArray[np.float32], "V S"]:
    """Return a tall matrix times a small one."""
    product: NDArray[np.float32] = matrix @ small.astype(np.float32)
    return product
