"""How long does a diverse list take, beside the published greedy loop?

    OMP_NUM_THREADS=1 python benchmarks/bench_rerank.py

10 000 users, 200 candidates each, lists of 50, one thread: ``diversify`` on all users at once,
and the published loop one user at a time on a part of them, round after round. Prints a JSON line
a result, in CPU microseconds a user, and the ratio; the lists must be equal, item for item. Then
the re-rankers that take one user at a time.

The loop is written from its description: each pick scans the candidates by falling score for the
largest gain, score + λ · (list so far - those of its category), and leaves the scan where even
the largest gain that any later one can have, its score + λ · (list so far), is no longer enough.
At a small λ few are scanned. At one as large as the spread of the scores that bound never bites.
"""

import argparse

import numpy as np

from machine import medians, report
from prismrec.rerank import RERANKERS, diversify, frontier, normalised
from prismrec.types import Pool

M, K = 200, 50
CATEGORIES = 30
SMALL, MIDDLE, LARGE = 0.001, 0.05, 1.0
"""Strengths, on scores of 0 to 1."""


def published(scores, categories, k, strength):
    """Choose one user's list by the published loop: positions, in the order chosen."""
    chosen, taken, count = [], set(), {}
    for _ in range(min(k, len(scores))):
        best, best_gain, most = -1, -float("inf"), strength * len(chosen)
        for position in range(len(scores)):
            if scores[position] + most <= best_gain:
                break
            if position in taken:
                continue
            gain = scores[position] + strength * (len(chosen) - count.get(categories[position], 0))
            if gain > best_gain:
                best, best_gain = position, gain
        chosen.append(best)
        taken.add(best)
        count[categories[best]] = count.get(categories[best], 0) + 1
    return chosen


def make_users(users):
    """Draw candidates by falling score in 0 to 1, in 2^-20ths, and their categories.

    Such scores and strengths add up without rounding, whatever the order: so the two ways see
    the same ties, and agree or do not.
    """
    rng = np.random.default_rng(0)
    scores = normalised(-np.sort(-rng.gumbel(size=(users, M)), axis=1))
    weight = rng.permutation(1 / np.arange(1, CATEGORIES + 1))
    categories = rng.choice(CATEGORIES, size=(users, M), p=weight / weight.sum())
    return np.round(scores * 2**20) / 2**20, categories


def compare(scores, categories, strength, *, part, rounds):
    """Time both at one strength, hold their lists equal, report."""
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
    at = {"strength": round(strength, 4), "users": len(scores), "candidates": M, "k": K}
    report("diversify", ours, "CPU µs a user", **at)
    report("published greedy loop", loop, "CPU µs a user", **at | {"users": part})
    report("published / diversify", loop / ours, "ratio", lists="equal", **at)


def single(scores, categories, rounds):
    """Time what takes one user at a time."""
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
        report(f"{name}, one user", seconds / 20 * 1e6, "CPU µs a user", candidates=M, k=K)


def main():
    """Draw the users, time both ways at three strengths, then the rest."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--users", type=int, default=10_000, help="users of the batch")
    options.add_argument("--part", type=int, default=200, help="users of the published loop")
    options.add_argument("--rounds", type=int, default=7, help="medians are over this many")
    asked = options.parse_args()
    scores, categories = make_users(asked.users)
    for strength in (SMALL, MIDDLE, LARGE):
        compare(scores, categories, strength, part=asked.part, rounds=asked.rounds)
    single(scores[0], categories[0], asked.rounds)


if __name__ == "__main__":
    main()
