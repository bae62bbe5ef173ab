"""Bodies of requests that add, change, hide or unhide items."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from prismrec.data import WIDEST_VECTOR
from prismrec.service.conditions import AttributeName, CellIn
from prismrec.service.schemas import Id, Ids
from prismrec.service.strict import Strict, default_from

Finite = Annotated[float, Field(allow_inf_nan=False)]


class ItemIn(Strict):
    """A new item, or a new title and new categories of a known item; null changes nothing."""

    id: Id
    title: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    categories: Annotated[list[Id], Field(max_length=100, fail_fast=True)] | None = None
    related_to: Annotated[list[Id], Field(max_length=1_000, fail_fast=True)] = default_from(list)
    vector: Annotated[list[Finite], Field(max_length=WIDEST_VECTOR, fail_fast=True)] | None = None


class ItemsRequest(Strict):
    """Items to add or to change."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=1_000, fail_fast=True)]


class ItemAttributes(Strict):
    """New values of some attributes of an item; null is no value."""

    id: Id
    attributes: Annotated[dict[AttributeName, CellIn], Field(min_length=1, max_length=100)]


class AttributesRequest(Strict):
    """Items with new values of their attributes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"id": "A", "attributes": {"price": 9.5, "stock": 0}}]}]
        }
    )

    items: Annotated[list[ItemAttributes], Field(min_length=1, max_length=1_000, fail_fast=True)]


class NamesRequest(Strict):
    """Items to hide or unhide."""

    items: Annotated[Ids, Field(min_length=1)]
