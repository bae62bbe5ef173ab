"""Compare the time of diverse lists with the published greedy loop.

    OMP_NUM_THREADS=1 python benchmarks/bench_rerank.py

10,000 users, 200 candidates per user, lists of 50, one thread: ``diversify`` for all users at once,
and the published loop for some of them, one at a time. They take turns for several rounds. Prints
one JSON line per result, in CPU microseconds per user, and the ratio. Both must return the same
lists. Then the re-rankers that process one user at a time are measured.

The published loop is written from its description. Each step looks for the largest gain, score +
λ · (length of the list - items of the same category in the list), over the candidates by falling
score. It stops when score + λ · (length of the list), the largest gain that a later candidate can
have, is not enough. At a small λ few candidates are read. At a λ as large as the spread of the
scores all of them are read.
"""

import argparse

import numpy as np

from machine import medians, report
from prismrec.rerank import RERANKERS, diversify, frontier, rescale, score_range
from prismrec.types import Pool

M, K = 200, 50
CATEGORIES = 30
SMALL, MIDDLE, LARGE = 0.001, 0.05, 1.0
"""Strengths λ, for scores from 0 to 1."""


def published(scores, categories, k, strength):
    """Choose one user's list with the published loop; return positions in the order chosen."""
    chosen, used, count = [], set(), {}
    for _ in range(min(k, len(scores))):
        best, best_gain, most = -1, -float("inf"), strength * len(chosen)
        for position in range(len(scores)):
            if scores[position] + most <= best_gain:
                break
            if position in used:
                continue
            gain = scores[position] + strength * (len(chosen) - count.get(categories[position], 0))
            if gain > best_gain:
                best, best_gain = position, gain
        chosen.append(best)
        used.add(best)
        count[categories[best]] = count.get(categories[best], 0) + 1
    return chosen


def make_users(users):
    """Draw the scores of candidates, largest first, and their categories.

    Scores are multiples of 2^-20 from 0 to 1. With such scores and strengths sums are exact in any
    order, so both implementations see the same ties.
    """
    rng = np.random.default_rng(0)
    raw = -np.sort(-rng.gumbel(size=(users, M)), axis=1)
    scores = rescale(raw, *score_range(raw))
    weight = rng.permutation(1 / np.arange(1, CATEGORIES + 1))
    categories = rng.choice(CATEGORIES, size=(users, M), p=weight / weight.sum())
    return np.round(scores * 2**20) / 2**20, categories


def compare(scores, categories, strength, *, part, rounds):
    """Measure both at one strength, check that the lists are equal, and report."""
    strength = round(strength * 2**20) / 2**20
    rows = list(zip(scores[:part].tolist(), categories[:part].tolist(), strict=True))
    lists = {}

    def run_published():
        lists["published"] = [published(s, c, K, strength) for s, c in rows]

    def run_prismrec():
        lists["prismrec"] = diversify(scores, categories, K, strength=strength)

    run_prismrec()
    spent = medians({"published": run_published, "prismrec": run_prismrec}, rounds=rounds)
    assert lists["prismrec"][:part].tolist() == lists["published"], "the lists differ"
    loop, ours = spent["published"] / part * 1e6, spent["prismrec"] / len(scores) * 1e6
    about = {"strength": round(strength, 4), "users": len(scores), "candidates": M, "k": K}
    report("diversify", ours, "CPU µs per user", **about)
    report("published greedy loop", loop, "CPU µs per user", **about | {"users": part})
    report("published / diversify", loop / ours, "ratio", lists="equal", **about)


def single(scores, categories, rounds):
    """Measure the re-rankers that process one user at a time."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((M, 64)).astype(np.float32)
    sets = [set(rng.choice(CATEGORIES, rng.integers(1, 4)).tolist()) for _ in range(M + 50)]
    pool = Pool(
        scores=scores,
        category=categories,
        categories=sets[:M],
        vectors=vectors,
        interest_scores=vectors @ rng.standard_normal((64, 4)).astype(np.float32),
        history=sets[M:],
    )
    runs = {
        name: lambda rerank=rerank: [rerank(pool, K, strength=0.1) for _ in range(20)]
        for name, rerank in RERANKERS.items()
    }
    runs["whole frontier"] = lambda: [frontier(scores, categories, K) for _ in range(20)]
    for name, seconds in medians(runs, rounds=rounds).items():
        report(f"{name}, one user", seconds / 20 * 1e6, "CPU µs per user", candidates=M, k=K)


def main():
    """Draw the users, measure both at three strengths, then the other re-rankers."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--users", type=int, default=10_000, help="users of diversify")
    options.add_argument("--part", type=int, default=200, help="users of the published loop")
    options.add_argument("--rounds", type=int, default=7, help="rounds to take the median of")
    args = options.parse_args()
    scores, categories = make_users(args.users)
    for strength in (SMALL, MIDDLE, LARGE):
        compare(scores, categories, strength, part=args.part, rounds=args.rounds)
    single(scores[0], categories[0], args.rounds)


if __name__ == "__main__":
    main()
