"""Prismrec: multi-interest recommendations, from an event log to a list that says why."""

__version__ = "0.1.0"
