"""Checks the key of a request, in constant time."""

import hmac
from collections.abc import Mapping

from prismrec.service.errors import ApiError
from prismrec.service.keys import SCOPES, Keys, Scope


def check_key(keys: Keys, headers: Mapping[str, str]) -> tuple[str, Scope]:
    """Check the key of a request, and return it with its scope.

    Args:
        keys: All keys; without any, every request is allowed.
        headers: The headers of the request.

    Returns:
        The key, which names the caller for the rate limit, and its scope; "" and "admin" if the
        service has no keys.

    Raises:
        ApiError: 401 without a valid key.

    Cost: compares with every key, so that the time does not depend on which one matches.
    """
    if not keys:
        return "", "admin"
    kind, _, sent = headers.get("authorization", "").partition(" ")
    sent = sent.strip()
    scope_of_key: Scope | None = None
    for scope in SCOPES:
        for key in keys.by_scope.get(scope, ()):
            if hmac.compare_digest(key.encode(), sent.encode("utf-8", "surrogateescape")):
                scope_of_key = scope
    if kind.lower() != "bearer" or scope_of_key is None:
        raise ApiError(
            "unauthorized", "This route needs a key; send it as 'Authorization: Bearer KEY'."
        )
    return sent, scope_of_key


def check_scope(keys: Keys, headers: Mapping[str, str], needed: Scope) -> str:
    """Check the key of a request and its scope, and return the key; see ``check_key``.

    Args:
        keys: All keys.
        headers: The headers of the request.
        needed: The smallest scope that is enough.

    Raises:
        ApiError: 401 without a valid key; 403 if the scope of the key is too small.
    """
    sent, scope = check_key(keys, headers)
    if SCOPES.index(scope) < SCOPES.index(needed):
        raise ApiError(
            "forbidden", f"This route needs the scope {needed}, not {scope}; use another key."
        )
    return sent
