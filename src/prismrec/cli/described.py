"""Field docstrings of a settings class as the help of its flags."""

import ast
import inspect
import textwrap
from collections.abc import Collection
from typing import Annotated

from cyclopts import Parameter


def describe(settings: type, *, without: Collection[str] = ()) -> None:
    """Annotate a dataclass's fields, in place, with their docstrings as their flags' help.

    Python keeps no docstring of a field, so they are read from the source, as text.

    Args:
        settings: A dataclass.
        without: Fields that are no flags.
    """
    body = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 -- it was given as a class
    for line, after in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
            name = line.target.id
            shown = Parameter(parse=False) if name in without else Parameter(help=text)
            settings.__annotations__[name] = Annotated[settings.__annotations__[name], shown]
