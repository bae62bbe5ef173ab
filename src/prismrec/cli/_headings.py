"""Headings of the help: the most important options first, the others by subject.

The dataclasses of options of other packages get their headings from here, by the names of their
fields, so that no other package depends on the library of the command line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

from cyclopts import Group, Parameter
from cyclopts.help import DefaultFormatter
from cyclopts.help.specs import ColumnSpec, DescriptionColumn, NameRenderer

LONG_NAMES = DefaultFormatter(
    column_specs=(
        ColumnSpec(renderer=NameRenderer(max_width=29), style="cyclopts.name"),
        DescriptionColumn,
    )
)
"""Help for options whose longest flag has 29 characters; the default cuts it at 28."""

INPUT = Group.create_ordered("Input: one of --history, --user and --histories")
COMMON = Group.create_ordered("Common options")
SEARCH = Group.create_ordered("Search")
DIVERSITY = Group.create_ordered("Diversity: at most one of the first three")
INTERESTS = Group.create_ordered("Interests: how they share the list")
FILTERS = Group.create_ordered("Filters")
COLUMNS = Group.create_ordered("Columns of the event log")
FORMAT = Group.create_ordered("Format of the event log")
ITEMS = Group.create_ordered("Format of the file of items")
WEIGHTS = Group.create_ordered("Weights and dislikes")
NAMED = Group.create_ordered("Named data sets")
MODEL = Group.create_ordered("Model")
LOSS = Group.create_ordered("Loss and negatives", help_formatter=LONG_NAMES)
OPTIMIZER = Group.create_ordered("Training pairs and optimizer")
VALIDATION = Group.create_ordered("Validation and selection")
INDEX = Group.create_ordered("Index")
PAGE = Group.create_ordered("Page")
EXPERIMENT = Group.create_ordered("Experiment")
ESTIMATE = Group.create_ordered("Estimate of an artifact that no user has seen")
LIMITS = Group.create_ordered("Processes and limits")
MONITORING = Group.create_ordered("Monitoring")
EXTENSIONS = Group.create_ordered("Extensions")
OUTPUT = Group.create_ordered("Output")

AsJson = Annotated[bool, Parameter(name="--json", negative="", show_default=False, group=OUTPUT)]
"""The flag of every command that prints one JSON object."""


def under_headings(
    options: type[Any], headings: Sequence[tuple[Group, str]], *,
    hidden: str = "", helps: Mapping[str, str] | None = None,
) -> type[Any]:  # fmt: skip
    """Return a subclass of a dataclass of options whose fields have headings in the help.

    A default value of the option must be an instance of the subclass: the library checks it.

    Args:
        options: The dataclass.
        headings: Each heading with the names of its fields, separated by spaces. The help keeps the
            order of the fields in the dataclass.
        hidden: Names of fields that have no flag.
        helps: Help texts, by field, that replace the text in the dataclass.
    """
    kinds = get_type_hints(options, include_extras=True)
    parameters = {name: Parameter(parse=False) for name in hidden.split()}
    for heading, names in headings:
        parameters |= dict.fromkeys(names.split(), Parameter(group=heading))
    for name, text in (helps or {}).items():
        parameters[name] = Parameter.combine(parameters[name], Parameter(help=text))
    annotations = {
        field.name: Annotated[
            kinds[field.name],
            parameters[field.name],
            Parameter(
                show_default=False
                if field.default == "" or field.default_factory is list
                else None,
                negative_iterable="",
            ),
        ]
        for field in fields(options)
        if field.name in parameters
    }
    members = {"__annotations__": annotations, "__new__": _with_given}
    return type(options.__name__, (options,), members)


def given_names(options: object) -> frozenset[str]:
    """Return the names of the options that have a flag or a line in the file of ``--config``."""
    names: frozenset[str] = getattr(options, "given", frozenset())
    return names


def _with_given(kind: type[Any], **values: object) -> object:
    """Create options that remember which of them were given; after ``replace``, all."""
    options = object.__new__(kind)
    object.__setattr__(options, "given", frozenset(values))
    return options
