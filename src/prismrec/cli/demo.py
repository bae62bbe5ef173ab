"""``prismrec demo``: from download to report on real data, in minutes.

It downloads, prepares and splits MovieLens-100K and trains four models: ComiRec-SA as published,
the same network with better training, prism, and prism with one interest. It compares all of them
with every baseline, shows the list of one user with the interest of each item, and writes a report.
Without a network it uses synthetic data.
"""

import shlex
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from prismrec.cli._answers import answer_lines, clipped
from prismrec.cli._headings import AsJson
from prismrec.cli._options import CACHE, ReadOptions, open_log
from prismrec.cli._output import print_note, print_output
from prismrec.cli._progress import Progress
from prismrec.cli._results import results_table
from prismrec.data import (
    DATASETS,
    Dataset,
    EventLog,
    ItemDescriptions,
    Split,
    build_dataset,
    check_dataset_folder,
    save_dataset,
    split_by_user,
)
from prismrec.errors import DownloadError
from prismrec.evaluation import (
    Benchmark,
    check_report_folder,
    compare_with_single_interest,
    describe_recommender,
    differences,
    entries_as_json,
    lists_of,
    measure_baselines,
    name_with_one_interest,
    report_content,
    write_report,
)
from prismrec.recommend import Recommender, artifact_name, check_artifact_folder, save
from prismrec.training import RunConfig, TrainConfig, Trained, fit

SEED = 2020
"""Seed of the split; the published tables of this package use the same."""
REAL = "ml-100k"
SYNTHETIC = "synthetic:many-taste?users=1500&items=1280&events=30&zipf=0.7"
"""The data set of the demo if the real one cannot be downloaded."""
GOOD = RunConfig(extractor="sa")
PUBLISHED = RunConfig(
    extractor="sa", options={"positions": "slot"}, readout="hard", similarity="dot", dropout=0.0
)
"""The settings of ComiRec-SA, except for the softmax, which is over the whole catalog."""
PUBLISHED_TRAINING = TrainConfig(
    targets="random", batch_size=128, learning_rate=1e-3, warmup=0, schedule="constant",
    epochs=300, validate_every=100, patience=5,
)  # fmt: skip
MODELS: dict[str, tuple[RunConfig, TrainConfig]] = {
    "comirec-sa": (PUBLISHED, PUBLISHED_TRAINING),
    "sa": (GOOD, TrainConfig()),
    "prism": (RunConfig(), TrainConfig()),
}


def demo(
    *,
    out: Path = Path("demo"),
    data: str = REAL,
    epochs: int | None = None,
    cache: Path = CACHE,
    as_json: AsJson = False,
) -> None:
    """Train on real data and show tables, recommendations and a report, in minutes.

    Without a network, the data are synthetic.

    Args:
        out: Folder for the data set, the artifacts and the report.
        data: A named data set, or a synthetic one such as synthetic:many-taste?users=500.
        epochs: Largest number of passes over the training pairs; a small number saves time.
        cache: Folder of downloaded data sets.
        as_json: Print one JSON object.
    """
    began = time.perf_counter()
    check_report_folder(out / "report")
    check_dataset_folder(out / "data")
    for name in (*MODELS, name_with_one_interest("prism")):
        check_artifact_folder(out / name)
    data, log, items = open_data(data, cache)
    dataset = build_dataset(log, items=items, min_user_events=5, min_item_events=1)
    save_dataset(dataset, out / "data", split={"name": "by-user", "options": {"seed": SEED}})
    split = split_by_user(dataset, seed=SEED)
    print_note(
        f"{len(dataset.users):,} users, {dataset.catalog.size - 1:,} items, "
        f"{len(dataset.histories.items):,} events; {split.how}"
    )
    trained = train_all(dataset, split, out, epochs=epochs, quiet=as_json)
    recommenders = {name: each.recommender for name, each in trained.items()}
    benchmark = Benchmark(split=split, cases=split.test, catalog=dataset.catalog, ks=(20, 50))
    several = {name_with_one_interest(name): name for name in trained}
    with Progress("demo", quiet=as_json):
        print_note("Fitting the baselines …", quiet=as_json)
        lists, entries, left_out = measure_baselines(benchmark)
        for name, recommender in recommenders.items():
            print_note(f"Measuring {name} …", quiet=as_json)
            lists[name] = lists_of(recommender)
            how, seconds = describe_recommender(recommender), trained[name].result.seconds
            entry = benchmark.entry(name, how, lists[name], seconds=seconds)
            artifact = artifact_name(out / name)
            entries.append(replace(entry, one_interest_of=several.get(name), artifact=artifact))
        single = map(str, compare_with_single_interest(entries, "recall@50"))
        compared = [*differences(entries), *single, *left_out]
        content = report_content(benchmark, entries, lists, recommenders, compared, data)
        write_report(content, out / "report")
        compared = [*content.differences]
    minutes = (time.perf_counter() - began) / 60
    lines = ["", *results_table(entries, (20, 50)), "", *compared, ""]
    lines += example_lines(recommenders["prism"], dataset, split)
    lines += next_steps(out, dataset, minutes)
    value = {"entries": entries_as_json(entries), "differences": compared}
    print_output(value | {"minutes": minutes, "out": str(out)}, lines, as_json=as_json)


def open_data(name: str, cache: Path) -> tuple[str, EventLog, ItemDescriptions | None]:
    """Open a data set; if MovieLens-100K cannot be downloaded, open a synthetic one instead.

    Raises:
        DataError: There is no such data set, or it cannot be read.
    """
    if name in DATASETS:
        print_note(f"{name}: {DATASETS[name].terms}")
    try:
        return name, *open_log(name, ReadOptions(cache=cache))
    except DownloadError:
        if name != REAL:
            raise
        print_note(
            f"{name} could not be downloaded, so the demo uses synthetic data; to use a copy of "
            f"{name}, run 'prismrec prepare {name} --source FILE --out data' first."
        )
        return SYNTHETIC, *open_log(SYNTHETIC, ReadOptions(cache=cache))


def train_all(
    dataset: Dataset, split: Split, out: Path, *, epochs: int | None, quiet: bool
) -> dict[str, Trained]:
    """Train and save every model of the demo."""
    trained = {}
    for name, (config, training) in MODELS.items():
        settings = replace(training, epochs=epochs) if epochs else training
        with Progress(name, quiet=quiet) as progress:
            trained[name] = fit(split, dataset.catalog, config, settings, on_step=progress.step)
    if trained["prism"].recommender.model.forming:
        trained[name_with_one_interest("prism")] = trained["prism"].with_one_interest()
    for name, one in trained.items():
        save(one.recommender, out / name)
    return trained


def example_lines(recommender: Recommender, dataset: Dataset, split: Split) -> list[str]:
    """Return the lists of the test user whose list is shared most evenly by several interests."""
    catalog = dataset.catalog
    lists = recommender.ranked([case.history for case in split.test], 10).interest
    largest = [int(np.bincount(row).max()) for row in lists]
    case = split.test[int(np.argmin(largest))]
    history = catalog.items.external(case.history.tolist())
    newest = "; ".join(catalog.title(int(item)) for item in case.history[-3:])
    plain = recommender.recommend(history, 10)
    diverse = recommender.recommend(history, 10, diversity=0.5)
    return [
        f"A test user with {len(history)} events; the newest three are:",
        clipped(newest, 80),
        *answer_lines(plain),
        "",
        "The same user at diversity 0.5:",
        *answer_lines(diverse)[len(diverse.interests) + 1 :],
        "",
    ]


def next_steps(out: Path, dataset: Dataset, minutes: float) -> list[str]:
    """Return the last lines: where the report is, and which commands to try."""
    user = shlex.quote(dataset.users.external([0])[0])
    prism, single, data, report = (
        shlex.quote(str(out / name)) for name in ("prism", "sa", "data", "report")
    )
    return [
        f"Finished in {minutes:.1f} minutes. Report with plots: {out / 'report' / 'report.html'}",
        f"Next: prismrec recommend {prism} --data {data} --user {user} --diversity 0.5",
        f"Or on a page: prismrec serve {prism} --compare-with {single} \\",
        f"  --data {data} --report {report}",
        "and open http://127.0.0.1:8000/",
    ]
