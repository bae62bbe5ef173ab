"""``prismrec datasets``: the named data sets."""

from textwrap import wrap

from prismrec.cli._headings import AsJson
from prismrec.cli._output import print_output
from prismrec.data import DATASETS, WORLDS

EXAMPLE = "synthetic:many-taste?users=3000&events=13&zipf=1&seed=0"


def datasets(*, as_json: AsJson = False) -> None:
    """List the named data sets and their terms of use.

    Args:
        as_json: Print one JSON object.
    """
    value = {
        name: {
            "what": source.what,
            "terms": source.terms,
            "home": source.home,
            "size_mib": source.size_mib,
            "download": source.download is not None,
        }
        for name, source in DATASETS.items()
    }
    lines: list[str] = []
    for name, source in DATASETS.items():
        size = f"{source.size_mib} MiB" if source.download else "local copy only: --source PATH"
        lines += _entry(name, f"{source.what} ({size})", source.terms)
    worlds = [f"synthetic:{name}" for name in WORLDS]
    sentence = "Generated data of any size, for tests: the best possible list is known. Example:"
    lines += [", ".join(worlds), *_entry("", sentence, EXAMPLE)]
    lines.append("Next: prismrec prepare NAME --out data/")
    print_output({**value, "synthetic": worlds}, lines, as_json=as_json)


def _entry(name: str, *texts: str) -> list[str]:
    """Return the lines of one data set: its name on the left, the texts on the right."""
    lines = [line for text in texts for line in wrap(text, 66)]
    return [f"{name if not n else '':<14}{line}" for n, line in enumerate(lines)] + [""]
