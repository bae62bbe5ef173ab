"""A/B tests: which users get lists with which options.

    name = "diverse-lists"
    salt = "2026-12"

    [[variants]]                      # the first one is the control
    name = "control"
    share = 0.5

    [[variants]]
    name = "diverse"
    share = 0.5
    options = { diversity = 0.2, interests = { mix = "shares" } }

A hash of salt and user chooses the variant, so every process and every start chooses the same one.
"""

import hashlib
import tomllib
from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError

from prismrec.data import Catalog
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.recommend import eligible_items
from prismrec.rerank import RERANKERS, Filter, ListOptions
from prismrec.service.extensions import Extensions
from prismrec.service.schemas import RecommendRequest
from prismrec.service.settings import ServePaths
from prismrec.service.strict import Strict, fault_of

OPTION_GROUPS = {
    "k": "length",
    "offset": "length",
    "length": "length",
    "diversity": "diversity",
    "diversity_target": "diversity",
    "max_relevance_loss": "diversity",
    "rerank": "diversity",
    "interests": "interests",
    "exclude_seen": "exclude_seen",
    "blocked": "blocked",
    "allowed": "allowed",
    "categories": "categories",
    "where": "where",
    "boosts": "boosts",
    "comparison": "comparison",
}
"""The group of each option: a request that sets one option of a group has its own group."""
NOT_VARIED = frozenset(("offset", "length"))
"""Options that depend on the page that a client wants, so a variant may not set them."""
PlainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class VariantIn(Strict):
    """A variant in the file."""

    name: PlainName
    share: Annotated[float, Field(gt=0, lt=1)]
    options: Annotated[dict[str, Any], Field(default_factory=dict)]


class ExperimentIn(Strict):
    """The file."""

    name: PlainName
    salt: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]+$")]
    variants: Annotated[list[VariantIn], Field(min_length=2, max_length=20)]


class Assigned(NamedTuple):
    """A request of a user with the options of the user's variant."""

    request: RecommendRequest
    variant: str
    overridden: bool
    """Whether the request set an option that the experiment varies. It is then not counted; with
    any variant, so that the same users are left out of all of them."""


@dataclass(frozen=True)
class Experiment:
    """An experiment; ``read`` checks the values."""

    file: ExperimentIn
    values: Mapping[str, Mapping[str, Any]]
    """Fields of a request that a variant sets, by its name."""

    @classmethod
    def of(cls, paths: ServePaths, extensions: Extensions) -> "Experiment | None":
        """Read the experiment of a service; None if it has none; see ``read``."""
        if paths.experiment is None:
            return None
        compares = paths.compare_with is not None
        return cls.read(paths.experiment, extensions.rerankers, compares=compares)

    @classmethod
    def read(cls, path: Path, rerankers: Collection[str], *, compares: bool) -> "Experiment":
        """Read an experiment.

        Args:
            path: A TOML file.
            rerankers: The re-rankers that a request may name.
            compares: Whether the service has a second artifact.

        Raises:
            ConfigError: The file cannot be read, or a value in it cannot work.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")  # a mark may begin it
            found = ExperimentIn.model_validate(tomllib.loads(text))
        except OSError as error:
            raise ConfigError(
                f"The experiment {path} cannot be read ({error.strerror}); name a TOML file."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(
                f"The experiment {path} is not valid TOML: {error}; see docs/experiments.md for an "
                "example."
            ) from error
        except ValidationError as error:
            raise ConfigError(f"The experiment {path} cannot be used: {_fault(error)}.") from error
        return cls(found, _checked(found, f"{path}", rerankers, compares=compares))

    @classmethod
    def logged(cls, definition: Mapping[str, Any], *, compares: bool) -> "Experiment":
        """Return the experiment that the header of an exposure log describes.

        The header has a hash of the salt, so this experiment cannot assign users.

        Args:
            definition: The definition in the header; anybody may have written it.
            compares: Whether there is a second artifact.

        Raises:
            ConfigError: A value in it cannot work, or a re-ranker is not built in.
        """
        try:
            found = ExperimentIn.model_validate(definition)
        except ValidationError as error:
            raise ConfigError(
                f"The experiment of the exposure log cannot be used: {_fault(error)}."
            ) from error
        return cls(found, _checked(found, "of the exposure log", RERANKERS, compares=compares))

    def check(self, catalog: Catalog, compared: Catalog | None) -> None:
        """Check that the filters, boosts and interests of each variant are possible.

        Args:
            catalog: The catalog of the artifact that answers.
            compared: That of the artifact to compare with; None if there is none.

        Raises:
            DataError: A category, an attribute or the item of an added interest is not in it, or a
                condition does not fit.
        """
        for variant, fields in self.values.items():
            own = compared if fields.get("comparison") else catalog
            if own is None:  # ``read`` refuses such an experiment
                continue
            options = self.options_of(variant)
            more = [Filter(where=boost.where) for boost in options.boosts]
            added = [each.category for each in options.interests.added if each.category]
            items = [each.item for each in options.interests.added if each.item]
            try:
                own.items.index(items)
                for each in (options.filter, *more, Filter(categories=added)):
                    eligible_items(each, own)
            except (ConfigError, UnknownName) as error:
                raise DataError(
                    f"The variant {variant!r} cannot be used with this artifact: {error}"
                ) from error

    def options_of(self, variant: str) -> ListOptions:
        """Return the list options of a variant, for a request without options of its own."""
        return _with_values(RecommendRequest(user="user"), self.values[variant]).options

    def variant_of(self, user: str) -> str:
        """Return the variant of a user: the same one in every process and after every start."""
        text = f"{self.file.salt}\0{user}".encode()
        place = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") / 2**64
        return self.file.variants[bisect(self.ends, place)].name

    def assign(self, request: RecommendRequest) -> Assigned | None:
        """Return the request with the options of its variant; None if it has no user.

        Options of the request replace those of the variant, by group: a request with an option of
        diversity keeps all its options of diversity.
        """
        if request.user is None:
            return None
        variant = self.variant_of(request.user)
        own = {OPTION_GROUPS.get(name, "") for name in request.model_fields_set}
        values = {
            name: value
            for name, value in self.values[variant].items()
            if OPTION_GROUPS[name] not in own
        }
        overridden = request.comparison or bool(own & self.varied)
        return Assigned(_with_values(request, values), variant, overridden)

    @cached_property
    def ends(self) -> list[float]:
        """The end of the share of each variant but the last, between 0 and 1."""
        return list(accumulate(each.share for each in self.file.variants[:-1]))

    @cached_property
    def varied(self) -> frozenset[str]:
        """Groups of options that any variant sets."""
        return frozenset(OPTION_GROUPS[name] for each in self.values.values() for name in each)

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The experiment as the exposure log describes it, with a hash of the salt."""
        salt = hashlib.sha256(self.file.salt.encode()).hexdigest()[:16]
        return self.file.model_dump(mode="json") | {"salt": salt}


def _checked(
    found: ExperimentIn, where: str, rerankers: Collection[str], *, compares: bool
) -> dict[str, dict[str, Any]]:
    """Return the fields of a request that each variant sets.

    Raises:
        ConfigError: A value cannot work.
    """
    names, shares = [v.name for v in found.variants], [v.share for v in found.variants]
    if len(set(names)) < len(names) or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(
            f"The variants of the experiment {where} have the names {', '.join(names)} and "
            f"shares that sum to {sum(shares):g}; give different names, and shares that sum to "
            "1."
        )
    values = {each.name: _values(each) for each in found.variants}
    for variant, fields in values.items():
        if fields.get("rerank", "category") not in rerankers:
            raise ConfigError(
                f"The variant {variant!r} has the re-ranker {fields['rerank']!r}, which does "
                f"not exist here; name one of {', '.join(sorted(rerankers))}."
            )
        if fields.get("comparison") and not compares:
            raise ConfigError(
                f"The variant {variant!r} is answered by the artifact to compare with, but "
                "there is none; name it with --compare-with."
            )
    return values


def _values(variant: VariantIn) -> dict[str, Any]:
    """Return the fields of a request that a variant sets.

    Raises:
        ConfigError: An option does not exist, or its value cannot work.
    """
    known = sorted(set(OPTION_GROUPS) - NOT_VARIED)
    for name in variant.options:
        if name not in known:
            raise ConfigError(
                f"The variant {variant.name!r} sets {name!r}, which a variant cannot set; choose "
                f"from {', '.join(known)}."
            )
    try:
        request = RecommendRequest.model_validate({"user": "user", **variant.options})
    except ValidationError as error:
        raise ConfigError(
            f"The options of the variant {variant.name!r} cannot be used: {_fault(error)}."
        ) from error
    return {name: getattr(request, name) for name in variant.options}


def _with_values(request: RecommendRequest, values: Mapping[str, Any]) -> RecommendRequest:
    """Return a request with other fields, which were validated before."""
    if not values:
        return request
    changed = request.model_copy(update=values)
    vars(changed).pop("options", None)  # the copy has the options that were built for the request
    return changed


def _fault(error: ValidationError) -> str:
    """Return the first error of a validation as a clause."""
    first = error.errors(include_url=False)[0]
    return fault_of(first, first["loc"], "the file")
