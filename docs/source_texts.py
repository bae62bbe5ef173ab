"""Read what the source of a public name states: signature, docstring, the text of each field."""

import ast
import dataclasses
import inspect
import operator
import re
import textwrap
from collections.abc import Callable
from functools import cached_property
from types import UnionType
from typing import Any, Literal, NamedTuple, get_origin

REQUIRED = inspect.Parameter.empty
KEYWORDS = inspect.Parameter.KEYWORD_ONLY
STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class Field(NamedTuple):
    """A field of a class."""

    name: str
    type: str
    default: str
    """As Python; "" if there is none."""
    text: str
    """The string literal below it; "" if there is none."""


def definition(value: Any) -> Any:
    """Return the syntax tree of a class or a function."""
    return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]


def own_classes(kind: type) -> list[type]:
    """Return a class and its base classes of this package, the most general one first."""
    return [c for c in reversed(kind.__mro__) if c.__module__.startswith("prismrec.")]


def fields(kind: type) -> list[Field]:
    """Return the public fields of a class, with those of its base classes."""
    defaults = _defaults(kind)
    found = []
    for owner in own_classes(kind):
        body = definition(owner).body
        for line, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(line, ast.AnnAssign) and line.target.id[0] != "_":
                name, text = line.target.id, ""
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    text = one_line(after.value.value)
                default = defaults.get(name, "")
                if " at 0x" in default:
                    default = ast.unparse(line.value)
                found.append(Field(name, type_text(line.annotation, owner), default, text))
    return [field for field in found if not field.type.startswith("ClassVar")]


def _defaults(kind: type) -> dict[str, str]:
    """Return the defaults of a dataclass or a named tuple."""
    values = dict(getattr(kind, "_field_defaults", {}))
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if field.default is not dataclasses.MISSING:
                values[field.name] = field.default
            elif field.default_factory is not dataclasses.MISSING:
                values[field.name] = field.default_factory()
    return {name: value_text(value) for name, value in values.items()}


def members(kind: type) -> dict[str, tuple[Any, Any]]:
    """Return value and syntax tree of each public method and property of a class, by name."""
    return {
        line.name: (inspect.getattr_static(owner, line.name), line)
        for owner in own_classes(kind)
        for line in definition(owner).body
        if isinstance(line, ast.FunctionDef) and line.name[0] != "_"
    }


def is_property(value: Any) -> bool:
    """Return whether a member of a class is read without a call."""
    return isinstance(value, property | cached_property)


def is_record(kind: type) -> bool:
    """Return whether the fields of a class are the arguments of its constructor."""
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")


def call_of_fields(name: str, kind: type) -> str:
    """Return how a class is called whose fields are the arguments of its constructor."""
    parts, keywords = [], False
    for own in inspect.signature(kind).parameters.values():
        if own.kind is KEYWORDS and not keywords:
            parts.append("*")
            keywords = True
        parts.append(own.name if own.default is REQUIRED else f"{own.name}=…")
    return textwrap.fill(f"{name}({', '.join(parts)})", 96, subsequent_indent="    ")


def signature(name: str, call: Callable[..., Any], tree: Any) -> str:
    """Return a signature as it is called: without self, one parameter per line if it is long."""
    types = {arg.arg: arg.annotation for arg in ast.walk(tree.args) if isinstance(arg, ast.arg)}
    parts: list[str] = []
    for own in inspect.signature(call).parameters.values():
        if own.name in ("self", "cls"):
            continue
        if own.kind is KEYWORDS and "*" not in parts:
            parts.append("*")
        text = STARS.get(own.kind, "") + own.name
        if types[own.name] is not None:
            text += f": {type_text(types[own.name], call)}"
        parts.append(text if own.default is REQUIRED else f"{text} = {value_text(own.default)}")
    returns = ""
    if tree.returns and tree.name != "__init__":
        returns = f" -> {type_text(tree.returns, call)}"
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= 96:
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){returns}"])


def type_text(annotation: ast.expr, owner: Any) -> str:
    """Return a type as it is written in the source, with the values of named choices.

    Args:
        annotation: The type; without the quotes around the whole.
        owner: The class or function, in whose module names are looked up.
    """
    quoted = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    text = annotation.value if quoted else ast.unparse(annotation)
    module = inspect.getmodule(inspect.unwrap(getattr(owner, "func", owner)))

    def choices(match: re.Match[str]) -> str:
        try:
            value = operator.attrgetter(match[0])(module)
        except AttributeError:
            return match[0]
        named = get_origin(value) in (Literal, UnionType)
        return str(value).removeprefix("typing.") if named else match[0]

    return re.sub(r"[A-Za-z_][\w.]*", choices, text)


def value_text(value: Any) -> str:
    """Return a default as it could be written: ``Columns()`` for one with the defaults only."""
    if inspect.isfunction(value):
        return value.__name__
    try:
        usual = dataclasses.is_dataclass(value) and value == type(value)()
    except TypeError:  # it has fields without a default
        usual = False
    return f"{type(value).__name__}()" if usual else repr(value)


def one_line(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())
