"""Ids in paths: one segment each, percent-encoded, so that an id may contain slashes.

The server decodes the whole path, after which a slash of an id looks like one between segments.
Therefore ``route_path`` decodes each segment by itself and keeps three characters encoded; the
convertor ``id`` of the routes decodes them.
"""

import urllib.parse

from starlette.convertors import Convertor, register_url_convertor

from prismrec.service.errors import ApiError

KEPT = str.maketrans({"%": "%25", "/": "%2F", "\n": "%0A"})
"""Characters that stay encoded. A line feed would end a pattern of a route."""


class IdConvertor(Convertor[str]):
    """One segment of a path."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the id of a segment."""
        return urllib.parse.unquote(value) if "%" in value else value

    def to_string(self, value: str) -> str:
        """Return the segment of an id."""
        return urllib.parse.quote(value, safe="")


register_url_convertor("id", IdConvertor())


def route_path(raw: bytes) -> str:
    """Return the path that the routes match.

    Args:
        raw: The path as it was sent.

    Raises:
        ApiError: It is not UTF-8: other bytes would name another user or item.
    """
    try:
        segments = [urllib.parse.unquote_to_bytes(part).decode() for part in raw.split(b"/")]
    except UnicodeDecodeError:
        raise not_utf8() from None
    return "/".join(segment.translate(KEPT) for segment in segments)


def check_utf8(query: bytes) -> None:
    """Check that a query is UTF-8.

    Raises:
        ApiError: It is not.
    """
    try:
        urllib.parse.unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise not_utf8() from None


def not_utf8() -> ApiError:
    """Return the error for an address that is not UTF-8."""
    return ApiError("malformed", "The address is not UTF-8; send UTF-8 bytes as %XX.")
