"""Tuning: search settings with Optuna, then compare the best with the default on several seeds.

``tune.py`` is the whole: the search (``search.py``, ``journal.py``), the repeated runs
(``repeat.py``), the decision (``decide.py``) and the report (``report.py``). ``space.py`` lists the
settings that are tuned; to add one, add a line there.
"""
