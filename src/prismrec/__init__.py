"""Prismrec: multi-interest recommendations, from an event log to a diverse list with reasons.

    import prismrec as pr

    log = pr.read_events("events.csv")
    data = pr.build_dataset(log, items=pr.read_items("items.csv"))
    split = pr.split_by_user(data)
    recommender = pr.fit(split, data.catalog).recommender
    print(pr.evaluate(recommender.ranked, split.test))
    pr.save(recommender, "books/")

``pr.fit`` trains the default model, as ``prismrec train`` does. You can also choose the parts:

    model = pr.Model(data.catalog.size, pr.SelfAttentive(dim=64, interests=4, max_len=50))
    pr.train(model, split.train, pr.TrainConfig(epochs=10))
    recommender = pr.Recommender.exact(model, data.catalog)

``help(pr.fit)`` shows the reference of a name. docs/python.md in the repository has the whole
reference, with the fields of each class, which ``help`` cannot show.

Names are imported when they are first used, so ``import prismrec`` is fast, and reading a log
needs no torch.
"""

import lazy_loader as lazy

from prismrec._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
