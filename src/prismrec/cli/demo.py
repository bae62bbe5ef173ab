"""``prismrec demo``: the whole line on real data, in minutes.

MovieLens-100K is fetched, prepared and split; four models are trained: ComiRec-SA as published,
the same network trained well, prism, and prism with one interest. All are measured beside every
baseline, one user's list is shown with the interest each item came from, and a report is written.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._answers import answer_lines, clipped
from prismrec.cli._options import CACHE, ReadOptions, open_log
from prismrec.cli._output import print_note, print_output
from prismrec.cli._progress import Progress
from prismrec.cli._results import results_table
from prismrec.data import (
    DATASETS,
    Dataset,
    Split,
    build_dataset,
    read_dataset_manifest,
    save_dataset,
    split_by_user,
)
from prismrec.evaluation import (
    Benchmark,
    compare_with_single_interest,
    describe_recommender,
    differences,
    entries_as_json,
    listing_of,
    measure_baselines,
    report_content,
    write_report,
)
from prismrec.recommend import Recommender, save
from prismrec.training import RunConfig, TrainConfig, Trained, fit, run_record

SEED = 2020
"""Of the split: the one that METHODS' measured tables use."""
GOOD = RunConfig(extractor="sa")
PUBLISHED = RunConfig(
    extractor="sa", options={"positions": "slot"}, readout="hard", similarity="dot", dropout=0.0
)
"""ComiRec-SA's own settings, but for the softmax, which is over the whole catalog."""
PUBLISHED_TRAINING = TrainConfig(
    targets="random", batch_size=128, learning_rate=1e-3, warmup=0, schedule="constant",
    epochs=300, validate_every=100, patience=5,
)  # fmt: skip
MODELS: dict[str, tuple[RunConfig, TrainConfig]] = {
    "comirec-sa": (PUBLISHED, PUBLISHED_TRAINING),
    "sa": (GOOD, TrainConfig()),
    "prism": (RunConfig(), TrainConfig()),
    "prism-k1": (RunConfig(interests=1), TrainConfig()),
}


def demo(
    *,
    out: Path = Path("demo"),
    data: str = "ml-100k",
    epochs: int | None = None,
    cache: Path = CACHE,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Train on real data and show tables, recommendations and a report, in minutes.

    Args:
        out: Folder for the data set, the artifacts and the report.
        data: Another named data set, as synthetic:many-taste?users=500.
        epochs: Passes over the training pairs at most, to try it in seconds.
        cache: Folder of downloaded data sets.
        as_json: Print one JSON object.
    """
    began = time.perf_counter()
    if data in DATASETS:
        print_note(f"{data}: {DATASETS[data].terms}")
    log, items = open_log(data, ReadOptions(cache=cache))
    dataset = build_dataset(log, items=items, min_user_events=5, min_item_events=1)
    save_dataset(dataset, out / "data", split={"name": "by-user", "options": {"seed": SEED}})
    split = split_by_user(dataset, seed=SEED)
    print_note(
        f"{len(dataset.users):,} users, {dataset.catalog.size - 1:,} items, "
        f"{len(dataset.histories.items):,} events; {split.how}"
    )
    trained = train_all(dataset, split, out, epochs=epochs, quiet=as_json)
    recommenders = {name: found.recommender for name, found in trained.items()}
    measuring = Benchmark(split=split, cases=split.test, catalog=dataset.catalog, ks=(20, 50))
    print_note("Fitting the baselines …", quiet=as_json)
    listings, entries, left_out = measure_baselines(measuring)
    for name, recommender in recommenders.items():
        print_note(f"Measuring {name} …", quiet=as_json)
        listings[name] = listing_of(recommender)
        how, seconds = describe_recommender(recommender), trained[name].result.seconds
        entries.append(measuring.entry(name, how, listings[name], seconds=seconds))
    compared = [*differences(entries), *compare_with_single_interest(entries, 50), *left_out]
    content = report_content(measuring, entries, listings, recommenders, compared, data)
    write_report(content, out / "report")
    lines = ["", *results_table(entries, (20, 50)), "", *compared, ""]
    lines += a_user(recommenders["prism"], dataset, split)
    minutes = (time.perf_counter() - began) / 60
    lines += [
        f"{minutes:.1f} minutes. A report with plots: {out / 'report' / 'report.html'}",
        f"next: prismrec recommend {out / 'prism'} --data {out / 'data'} --user "
        f"{dataset.users.external([0])[0]} --diversity 0.5",
        "and see it: prismrec serve "
        f"{out / 'prism'} --compare-with {out / 'prism-k1'} --data {out / 'data'} \\",
        f"  --report {out / 'report'}",
        "then open http://127.0.0.1:8000/",
    ]
    value = {"entries": entries_as_json(entries), "differences": compared}
    print_output(value | {"minutes": minutes, "out": str(out)}, lines, as_json=as_json)


def train_all(
    dataset: Dataset, split: Split, out: Path, *, epochs: int | None, quiet: bool
) -> dict[str, Trained]:
    """Train and save every model of the demo."""
    manifest = read_dataset_manifest(out / "data")
    trained = {}
    for name, (config, training) in MODELS.items():
        settings = replace(training, epochs=epochs) if epochs else training
        with Progress(name, quiet=quiet) as progress:
            found = fit(split, dataset.catalog, config, settings, on_step=progress.step)
        save(found.recommender, out / name, about=run_record(found, manifest, split.how))
        trained[name] = found
    return trained


def a_user(recommender: Recommender, dataset: Dataset, split: Split) -> list[str]:
    """Show the test user whose newest events are spread over most categories."""
    catalog = dataset.catalog

    def spread(history: list[int]) -> int:
        return len({int(c) for item in history for c in catalog.categories_of(item)})

    case = max(split.test, key=lambda case: spread(case.history[-20:].tolist()))
    history = catalog.items.external(case.history.tolist())
    newest = "; ".join(catalog.title(int(item)) for item in case.history[-3:])
    plain = recommender.recommend(history, 10)
    diverse = recommender.recommend(history, 10, diversity=0.5)
    return [
        f"A test user of {len(history)} events, the newest three:",
        clipped(newest, 80),
        *answer_lines(plain),
        "",
        "The same at diversity 0.5:",
        *answer_lines(diverse)[len(diverse.interests) + 1 :],
        "",
    ]
