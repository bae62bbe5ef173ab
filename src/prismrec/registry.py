"""From a name to a class or function, and from options to its constructor.

sizes = {"dim": 64, "interests": 4, "max_len": 50}
extractor = build("extractor", "sa", EXTRACTORS, {"hidden": 256}, **sizes)
extractor = build("extractor", "mypkg.mine:Newest", EXTRACTORS, {}, **sizes)

A name is a key of a table, or ``module:Name``: an installed module or a module in the current
working folder. This is the only plugin mechanism.

Options, and the fields of settings, are compared with their annotations: see ``check_fields``.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from prismrec.errors import (
    ConfigError,
    PrismrecError,
    UnknownName,
    described,
    did_you_mean,
    is_number,
    is_whole,
    store_as_python,
)

T = TypeVar("T")


def resolve(
    kind: str,
    name: str | T,
    table: Mapping[str, T | str],
    *,
    subclass_of: type | None = None,
    instance_of: type | None = None,
) -> T:
    """Look up ``name`` in ``table``, or import it if it has the form ``module:Name``.

    Instead of a name it may be the object itself, which is then checked and returned.

    Python searches installed modules first, then the current working folder. The working folder is
    on ``sys.path`` only during this import, so a module in it must import its neighbours at its
    top, not inside a function.

    Args:
        kind: What is looked up, for the error message: "extractor", "loss".
        name: A key of ``table``, or ``module:Name``; ``Name`` may be dotted.
        table: The short names of this package. A value may itself be ``module:Name``, for a part
            that needs an optional dependency.
        subclass_of: The class that an imported object must be a subclass of; None for no check.
        instance_of: The class that an imported object must be an instance of; None for no check.

    Raises:
        UnknownName: No such key, module or attribute; the message lists the nearest names.
        ConfigError: The module raises an error when it is imported, or the object is of the wrong
            type.
    """
    if isinstance(name, str):
        entry = table.get(name, name)
        if not isinstance(entry, str):
            return entry
        module, colon, attribute = entry.partition(":")
        if not colon:
            raise UnknownName.among(kind, name, table)
        imported: T = _get_attribute(kind, entry, _import_module(kind, entry, module), attribute)
    else:
        imported = name
    if subclass_of and not (isinstance(imported, type) and issubclass(imported, subclass_of)):
        shown = repr(name) if isinstance(name, str) else described(name)
        advice = f"derive the class from {subclass_of.__module__}.{subclass_of.__name__}"
        if isinstance(imported, subclass_of):
            advice = f"give its class, {type(imported).__name__}"
        raise ConfigError(
            f"The {kind} {shown} was given, but it is not a subclass of {subclass_of.__name__}; "
            f"{advice}."
        )
    if instance_of and not isinstance(imported, instance_of):
        raise ConfigError(
            f"The {kind} {name!r} was given, but it is of type {type(imported).__name__}; name an "
            f"object of type {instance_of.__module__}.{instance_of.__name__}."
        )
    return imported


def name_of(kind: type, table: Mapping[str, type]) -> str:
    """Return the name of a class in ``table``, or else ``module:Class``."""
    known = {entry: name for name, entry in table.items()}
    return known.get(kind, f"{kind.__module__}:{kind.__qualname__}")


def options_of(factory: Callable[..., object]) -> list[str]:
    """Return the names of the keyword-only arguments of ``factory``, in order."""
    parameters = inspect.signature(factory).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def build(
    kind: str, name: str, table: Mapping[str, Callable[..., T] | str],
    options: Mapping[str, Any], *, subclass_of: type | None = None, **arguments: Any,
) -> T:  # fmt: skip
    """Look up ``name`` and call it with ``arguments`` and the user's ``options``.

    Args:
        kind: What is built, for the error message.
        name: A key of ``table``, or ``module:Name``.
        table: The short names of this package.
        options: Options of a user; they are checked against the constructor's signature.
        subclass_of: See ``resolve``.
        **arguments: What the caller always passes, such as ``dim`` and ``max_len``.

    Raises:
        UnknownName: No such name.
        ConfigError: The constructor has no such option or does not accept the values, an option is
            one of ``arguments``, or the object is of the wrong type.
    """
    factory = resolve(kind, name, table, subclass_of=subclass_of)
    known = [option for option in options_of(factory) if option not in arguments]
    for option in options:
        if option in arguments:
            raise ConfigError(
                f"The {kind} {name!r} was given the option {option!r}, but this is a setting of "
                f"the whole run; set {option}, on the command line --{option.replace('_', '-')}."
            )
        if option not in known:
            names = f"Options: {', '.join(known)}." if known else "It has none."
            hint = did_you_mean(option, known)
            raise ConfigError(f"The {kind} {name!r} has no option {option!r}.{hint} {names}")
    _check_types(factory, options)
    try:
        return factory(**arguments, **options)
    except TypeError as error:
        raise ConfigError(
            f"The {kind} {name!r} cannot be built: {str(error).rstrip('.')}; check its options and "
            "its constructor."
        ) from error


WORDS: dict[Any, tuple[Callable[[object], bool], str]] = {
    int: (is_whole, "a whole number"),
    float: (is_number, "a finite number"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    str: (lambda value: isinstance(value, str), "a text"),
    type(None): (lambda value: value is None, "null"),
}
"""The types of options that are checked: the accepted values, and what a message calls them."""
IN_PYTHON = {"true": "True", "false": "False", "null": "None"}


def check_fields(settings: object) -> None:
    """Store the fields of a frozen dataclass as ``store_as_python`` does, and check their types.

    Raises:
        ConfigError: A field has a value of another type than its annotation.
    """
    for name, hint in get_type_hints(type(settings)).items():
        store_as_python(settings, name)
        value = getattr(settings, name)
        if not has_type(value, hint):
            words = _joined([IN_PYTHON.get(word, word) for word in _words(hint)])
            raise ConfigError(f"{name} is {described(value)}, but it must be {words}.")


def has_type(value: object, hint: Any) -> bool:
    """Return whether a value is of the type of an annotation; of ``list[str]``, any list is."""
    for kind in _kinds(hint):
        if kind in WORDS or get_origin(kind) is Literal:
            if _is_of(value, kind):
                return True
        elif isinstance(value, get_origin(kind) or kind):
            return True
    return False


def _kinds(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union; of another annotation, itself."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _check_types(factory: Callable[..., object], options: Mapping[str, Any]) -> None:
    """Compare the values of options with the annotations of the constructor.

    An annotation of other types, or one that cannot be evaluated, is not checked.

    Raises:
        ConfigError: A value is of another type.
    """
    try:
        parameters = inspect.signature(factory, eval_str=True).parameters
    except (NameError, SyntaxError, TypeError, AttributeError):
        return
    for name, value in options.items():
        annotation = parameters[name].annotation
        kinds = _kinds(annotation)
        if not any(_is_of(value, kind) for kind in kinds):
            raise ConfigError(f"{name} is {value!r}, but it must be {_joined(_words(annotation))}.")


def _is_of(value: object, kind: Any) -> bool:
    """Return whether a value is of a type; True for a type that is not checked."""
    if get_origin(kind) is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(kind))
    if kind not in WORDS:
        return True
    return WORDS[kind][0](value)


def _words(hint: Any) -> list[str]:
    """Return the types of an annotation in plain words."""
    words: list[str] = []
    for kind in _kinds(hint):
        if get_origin(kind) is Literal:
            words += map(repr, get_args(kind))
        elif kind in WORDS:
            words += WORDS[kind][1].split(" or ")
        else:
            words.append(f"of type {(get_origin(kind) or kind).__name__}")
    return words


def _joined(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _import_module(kind: str, name: str, module: str) -> ModuleType:
    """Import a module, installed or in the working folder.

    Raises:
        UnknownName: There is no module of this name.
        ConfigError: The module raises an error when it is imported.
    """
    missing = UnknownName(
        f"The {kind} {name!r} was given, but there is no module {module!r}, neither installed nor "
        f"in the folder {Path.cwd()}; check the spelling, or change to the folder of the module."
    )
    if not all(part.isidentifier() for part in module.split(".")):
        raise missing
    try:
        with _working_folder_on_path():
            return importlib.import_module(module)
    except PrismrecError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise missing from error
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(
            f"The {kind} {name!r} was given, but the module {module!r} raises "
            f"{type(error).__name__} when it is imported ({reason}); correct the module."
        ) from error


def _get_attribute(kind: str, name: str, module: ModuleType, attribute: str) -> Any:
    """Return an attribute of a module, or raise UnknownName with the nearest name."""
    try:
        return attrgetter(attribute)(module)
    except AttributeError as error:
        public = [other for other in dir(module) if not other.startswith("_")]
        raise UnknownName(
            f"The {kind} {name!r} was given, but the module {module.__name__!r} has no "
            f"{attribute!r}; check the spelling.{did_you_mean(attribute, public)}"
        ) from error


@contextmanager
def _working_folder_on_path() -> Iterator[None]:
    """Add the working folder to the end of ``sys.path`` for a while.

    At the end, so that no file in it can replace an installed module.
    """
    folder = str(Path.cwd())
    if folder in sys.path or "" in sys.path:
        yield
        return
    importlib.invalidate_caches()  # a file that was just written must be visible
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
