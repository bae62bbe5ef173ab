"""Copies of values as another process gets them."""

import pickle


def pickled(value):
    """Return a value after it was pickled and read again."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301
