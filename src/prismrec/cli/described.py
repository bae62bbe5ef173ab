"""Field docstrings of a settings class as the help of its flags."""

import ast
import inspect
import textwrap
from typing import Annotated, TypeVar

from cyclopts import Parameter

T = TypeVar("T")


def described(settings: type[T]) -> type[T]:
    """Give the dataclass back with each field's docstring as its flag's help.

    Python keeps no docstring of a field, so they are read from the source, as text.
    """
    body = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 -- it was given as a class
    for line, after in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
            name = line.target.id
            hint = settings.__annotations__[name]
            settings.__annotations__[name] = Annotated[hint, Parameter(help=text)]
    return settings
