"""Queries of several batches are joined with all their fields."""

from dataclasses import fields, replace

import numpy as np

from prismrec.retrieval import Query


def test_batches_of_a_query_are_joined_with_every_field():
    random = np.random.default_rng(0)
    vectors, parts = random.normal(size=(2, 5, 3, 4)).astype(np.float32)
    prior, log_prior = random.normal(size=(2, 5, 3)).astype(np.float32)
    excluded = [np.arange(size) for size in range(5)]
    whole = Query(vectors, prior, excluded, True, parts, log_prior)
    for query in (whole, replace(whole, parts=None, log_prior=None, mixture=False)):
        batches = [query.rows(np.arange(start, end)) for start, end in ((0, 2), (2, 3), (3, 5))]
        joined = Query.joined(batches)
        for field in fields(Query):
            found, expected = (getattr(one, field.name) for one in (joined, query))
            np.testing.assert_equal(found, expected, err_msg=field.name)
