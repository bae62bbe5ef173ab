"""Check the arguments of a model."""

from prismrec.errors import ConfigError, check_type, check_whole_number, is_number, is_whole
from prismrec.models.extractors.base import Extractor

MOST_TEMPERATURE = 1e6  # beyond, or below its inverse, logits are all alike or not finite


def check_arguments(
    size: object, extractor: object, similarity: str, temperature: object, dropout: object
) -> None:
    """Raise ConfigError for an impossible size, extractor, similarity, temperature or dropout."""
    needed = "the number of items plus one for padding; pass catalog.size"
    check_whole_number("size", size, needed)
    if not is_whole(size, 2):
        raise ConfigError(f"size is {size}; it must be at least 2: padding and one item.")
    needed = "an Extractor; write for example SelfAttentive(dim=64, interests=4, max_len=50)"
    check_type("extractor", extractor, Extractor, needed)
    if similarity not in ("dot", "cosine"):
        raise ConfigError(f"similarity is {similarity!r}; it must be 'dot' or 'cosine'.")
    if not (is_number(temperature) and 1 / MOST_TEMPERATURE <= temperature <= MOST_TEMPERATURE):
        raise ConfigError(f"temperature is {temperature!r}; set a number from 1e-6 to 1e6.")
    if not (is_number(dropout) and 0 <= dropout < 1):
        raise ConfigError(f"dropout is {dropout!r}; it must be at least 0 and below 1.")
