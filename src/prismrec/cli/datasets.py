"""``prismrec datasets``: the named data sets."""

from textwrap import wrap
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._output import print_output
from prismrec.data import DATASETS, WORLDS


def datasets(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List the named data sets, and under what terms they come.

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
    lines = []
    for name, source in DATASETS.items():
        way = f"{source.size_mib} MiB" if source.download else "from a local copy, --source PATH"
        text = [*wrap(f"{source.what} ({way})", 66), *wrap(source.terms, 66)]
        lines += [f"{name if not n else '':<14}{line}" for n, line in enumerate(text)] + [""]
    worlds = [f"synthetic:{name}" for name in WORLDS]
    lines += [", ".join(worlds), f"{'':<14}worlds with a known answer, of any size:", ""]
    lines.insert(-1, f"{'':<14}synthetic:many-taste?users=3000&events=13&zipf=1&seed=0")
    lines.append("prismrec prepare NAME --out data/")
    print_output({**value, "synthetic": worlds}, lines, as_json=as_json)
