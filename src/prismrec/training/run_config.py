"""What a run trains: the parts of the model and of the loss, by name, and their sizes."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from prismrec.errors import ConfigError
from prismrec.models import EXTRACTORS, MOST_INTERESTS, Similarity
from prismrec.registry import check_fields, name_of
from prismrec.training.config import changed_fields

T = TypeVar("T")
Init = Literal["cooccurrence", "random"]
ValidationMetric = Literal["recall", "ndcg", "hit_rate"]


@dataclass(frozen=True, kw_only=True, repr=False)
class RunConfig:
    """Names of the parts of a run and their sizes.

    A setting that is None is chosen from the data ("auto"): see ``resolve_defaults``. Extractor,
    readout, loss, sampler and index may also be ``module:Name`` from outside this package; the
    class of an extractor is replaced by its name.

    docs/python.md describes the fields.

    Raises:
        ConfigError: A value is out of its range, or of another type; or the class of the extractor
            cannot be imported.
    """

    extractor: str = "prism"
    """From history to interests: a name in ``EXTRACTORS``, or module:Class."""
    dim: int = 64
    """Dimension D of item and interest vectors."""
    interests: int | None = None
    """Number of trained interests K. Default: auto (4; prism, gru, mean: 1)."""
    max_len: int | None = None
    """Newest events of a history that the model reads. Default: auto (50; prism: up to 200)."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the extractor, by name."""
    readout: str | None = None
    """How K interests score an item: a name in ``READOUTS``, or module:NAME. Default: auto."""
    loss: str = "softmax"
    """Loss: a name in ``LOSSES``, or module:function."""
    negatives: int | None = None
    """Negatives per step; 0: the whole catalog. Default: auto (from catalog size and sampler)."""
    sampler: str | None = None
    """Negatives: a name in ``SAMPLERS``, or module:function. Default: auto."""
    similarity: Similarity | None = None
    """Score by dot product or cosine. Default: auto (dot for prism, else cosine)."""
    temperature: float | None = None
    """Logits are divided by it. Default: auto (0.07 for cosine, 1 for dot)."""
    dropout: float | None = None
    """Dropout of history vectors in training. Default: auto (0.2; prism: 0.2 to 0.5)."""
    tie_embeddings: bool | None = None
    """Use one item table for histories and for search. Default: auto (no for prism, else yes)."""
    init: Init | None = None
    """Initial item vectors: from co-occurrence counts, or random. Default: auto."""
    init_clusters: int | None = None
    """Count co-occurrence within at most this many clusters of a history. Default: auto."""
    train_clusters: int | None = None
    """Every second step reads the cluster nearest to the target; most clusters. Default: auto."""
    categories: bool | None = None
    """Add category embeddings to item vectors in training. Default: auto."""
    mask_history_negatives: bool | None = None
    """Do not use items of the user's history as negatives. Default: auto."""
    dislike_weight: float | None = None
    """Weight of a disliked item as a negative of its user; 0: off. Default: auto (10)."""
    routing_variance: float = 0.0
    """Weight in the loss of REMI's routing regularizer; it needs attention: not dr, mind."""
    disagreement: float = 0.0
    """Weight in the loss of the mean cosine of two interests of a user, if K is at least 2."""
    exclude_seen: bool | None = None
    """Validate on lists without items of the history. Default: auto (if users repeat no item)."""
    forming: bool | None = None
    """Form interests from the clusters of a history. Default: auto (for prism with K=1)."""
    rules: bool | None = None
    """Blend in rules, item-kNN or EASE if they raise validation metrics by 2 %. Default: auto."""
    index: str = "auto"
    """Index: a name in ``INDEXES``, or module:Class; exact/8: 8 shards. auto: by size."""
    validate_on: ValidationMetric = "recall"
    """Validation metric, for lists of 50 items, or of a tenth of a smaller catalog."""

    def __post_init__(self) -> None:
        """Check the values that nothing else checks, and replace a class by its name."""
        extractor: object = self.extractor
        if isinstance(extractor, type):
            object.__setattr__(self, "extractor", _importable(extractor))
        check_fields(self)
        for name in ("routing_variance", "disagreement", "dislike_weight"):
            weight = getattr(self, name)
            if weight is not None and weight < 0:
                raise ConfigError(f"{name} is {weight}; it must be at least 0, which turns it off.")
        for name, without in (("init_clusters", "counts in"), ("train_clusters", "reads")):
            clusters = getattr(self, name)
            if clusters is not None and not 0 <= clusters <= MOST_INTERESTS:
                raise ConfigError(
                    f"{name} is {clusters}; it must be from 0, which {without} whole histories, to "
                    f"{MOST_INTERESTS:,}."
                )

    def __repr__(self) -> str:
        """Return the fields that differ from their defaults."""
        return changed_fields(self)


def _importable(extractor: type) -> str:
    """Return the name of a class, which manifests and records have.

    Raises:
        ConfigError: It is defined in a function, a script or a notebook, so that another process
            cannot import it by a name.
    """
    name = name_of(extractor, EXTRACTORS)
    if "<locals>" in name:
        raise ConfigError(
            f"extractor is the class {extractor.__name__}, which is defined in a function, so it "
            "cannot be imported; define it at the top level of a module."
        )
    if extractor.__module__ == "__main__":
        raise ConfigError(
            f"extractor is the class {extractor.__name__} of a script or a notebook, which another "
            "process cannot import; put the class into a module, for example mine.py, and write "
            f"extractor='mine:{extractor.__qualname__}'."
        )
    return name


def require(value: T | None) -> T:
    """Return a setting that must not be None.

    Raises:
        ConfigError: It is None.
    """
    if value is None:
        raise ConfigError(
            "A run was started with a setting that is None; call resolve_defaults first, or fit."
        )
    return value
