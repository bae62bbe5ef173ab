"""Rebuild the model of an artifact: its options from the manifest, its weights from their file.

The manifest is checked before large tensors are created: each option by type and range, and the
shapes of the model that it describes by those in the file of the weights.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from prismrec.errors import ConfigError, DataError, is_whole
from prismrec.io import (
    FieldType,
    check_keys,
    object_with,
    optional,
    read_tensors,
    tensor_shapes,
)
from prismrec.models import EXTRACTORS, Extractor, Forming, Model
from prismrec.recommend.manifest import MANIFEST, NUMBER, RESTORE, WEIGHTS
from prismrec.registry import build

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each tensor of a model, by name."""
LARGE = 1 << 28
"""Numbers in an extractor, 1 GiB, above which its shapes are compared before it is built."""
SIZES = ("dim", "interests", "max_len", "hidden", "layers", "heads")
"""Options of our extractors on which their shapes depend."""
LARGEST = 2**31 - 1
"""Largest absolute value of a number among the options of an extractor."""
FLAG = FieldType("true or false", lambda value: isinstance(value, bool))
MODEL_FIELDS = {
    "similarity": FieldType('"dot" or "cosine"', lambda value: value in ("dot", "cosine")),
    "temperature": NUMBER,
    "dropout": NUMBER,
    "tie_embeddings": FLAG,
    "normalized": FLAG,
}
"""Options that every version saved. Without one, its default could be another one today."""
FORMING = object_with(
    clusters=FieldType("a whole number, at least 1", lambda value: is_whole(value, 1)),
    whole_weight=NUMBER,
)
LATER_FIELDS = {"mask_history_negatives": FLAG, "forming": optional(FORMING)}
"""Options that earlier versions did not save, since they had only the default."""
RENAMED_EXTRACTOR_OPTIONS = {"retired": "pruned"}
"""Extractor options as earlier versions saved them, with their names of today."""


def saved_options(model: Model) -> dict[str, Any]:
    """Return the options of a model as a manifest holds them; none of forming where it is off."""
    forming = {"forming": asdict(model.forming)} if model.forming else {}
    return model.options | forming


def read_model(
    folder: Path, manifest: Mapping[str, Any], extractor: type[Extractor] | None
) -> Model:
    """Read the model of an artifact.

    Args:
        folder: The folder of the artifact.
        manifest: Its manifest.
        extractor: The class of the extractor, if it is not in this package.

    Raises:
        DataError: The extractor is unknown, an option is missing or invalid, or the weights belong
            to another model or are not finite.
    """
    saved = manifest["extractor"]
    kind = extractor or EXTRACTORS.get(saved["class"])
    if kind is None:
        raise DataError(
            f"The artifact {folder} was trained with the extractor {saved['class']!r}, which this "
            "package does not have; pass its class as load(folder, extractor=...)."
        )
    path = folder / MANIFEST
    options = _model_options(path, manifest["model"])
    extractor_options = {
        RENAMED_EXTRACTOR_OPTIONS.get(name, name): value for name, value in saved["options"].items()
    }

    make = partial(_build, path, kind, extractor_options, manifest["items"] + 1, options)
    weights = folder / WEIGHTS
    found = tensor_shapes(weights)
    dim: Any = extractor_options.get("dim")
    if is_whole(dim, 1):
        expected = dict(found) | {"items.weight": (manifest["items"] + 1, dim)}
        _check_shapes(weights, found, expected)
        if kind in EXTRACTORS.values() and _may_be_large(extractor_options):
            with torch.device("meta"):  # shapes without memory
                _check_shapes(weights, found, _shapes_of(make()))
    model = make()
    _check_shapes(weights, found, _shapes_of(model))
    return _with_weights(weights, model)


def _may_be_large(extractor_options: Mapping[str, Any]) -> bool:
    """Return whether an extractor of these sizes may have more than ``LARGE`` numbers.

    Building every model on the device "meta" first would cost a second and 75 MB: PyTorch imports a
    library for symbols.
    """
    sizes: list[Any] = [extractor_options.get(name) for name in SIZES]
    product: int = math.prod(size for size in sizes if is_whole(size, 1))
    return product * int(extractor_options["dim"]) > LARGE


def _model_options(path: Path, saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return model options under their names of today; earlier versions saved other names.

    Raises:
        DataError: An option that every version saved is missing, or one has a wrong type.
    """
    options = dict(saved)
    options.pop("sparse", None)  # concerned training only
    if "untied" in options:
        untied = options.pop("untied")
        options["tie_embeddings"] = not untied if isinstance(untied, bool) else untied
    if "strike_seen" in options:
        options["mask_history_negatives"] = options.pop("strike_seen")
    later = {name: field for name, field in LATER_FIELDS.items() if name in options}
    fields = {f"model.{name}": field for name, field in (MODEL_FIELDS | later).items()}
    check_keys({f"model.{name}": value for name, value in options.items()}, fields, path, RESTORE)
    return options


def _build(
    path: Path, kind: type[Extractor], extractor_options: Mapping[str, Any], size: int,
    options: Mapping[str, Any],
) -> Model:  # fmt: skip
    """Build the model that a manifest describes, without its weights.

    Raises:
        DataError: Its options are invalid.
    """
    try:
        for name, value in extractor_options.items():
            if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
                raise ConfigError(f"{name} is {str(value)[:60]}, which is out of range")
        if kind in EXTRACTORS.values():
            extractor = build("extractor", kind.__name__, {kind.__name__: kind}, extractor_options)
        else:  # its constructor may take any options
            extractor = kind(**extractor_options)
        of_model = {name: value for name, value in options.items() if name != "forming"}
        forming = options.get("forming")
        return Model(size, extractor, **of_model).formed(forming and Forming(**forming))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: of sizes
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(
            f"{path} describes a model that this version cannot build ({reason}); load it with the "
            "version that wrote it, or train again."
        ) from error


def _shapes_of(model: Model) -> Shapes:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def _check_shapes(path: Path, found: Shapes, expected: Shapes) -> None:
    """Compare the shapes of the tensors in a file with those of a model.

    Raises:
        DataError: They differ; the message names the first one.
    """
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise DataError(
                f"{path} does not fit the model of {MANIFEST} ({name} is "
                f"{found.get(name, 'missing')}, but the model has {expected.get(name, 'none')}); "
                f"{RESTORE}."
            )


def _with_weights(path: Path, model: Model) -> Model:
    """Load the weights into a model of the same shapes.

    Raises:
        DataError: They are not finite.
    """
    weights, _ = read_tensors(path)
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise DataError(
            f"{path} holds values that are not finite in {', '.join(broken)}; train again."
        )
    model.load_state_dict(weights)
    return model
