"""Who may do what: a key's scope, compared in constant time."""

import hmac
from collections.abc import Mapping

from prismrec.service.errors import ApiError
from prismrec.service.settings import SCOPES, Keys, Scope


def check_scope(keys: Keys, headers: Mapping[str, str], needed: Scope) -> str:
    """Let a request through, or not.

    Args:
        keys: All keys; without any, everything is allowed.
        headers: The request's.
        needed: The least scope.

    Returns:
        What names the caller for a rate limit: the key; "" without keys.

    Raises:
        ApiError: 401 without a valid key, 403 with one of too small a scope.

    Cost: compares with every key, whichever fits, so that time tells nothing.
    """
    if not keys:
        return ""
    kind, _, given = headers.get("authorization", "").partition(" ")
    given = given.strip()
    found: Scope | None = None
    for scope in SCOPES:
        for key in keys.by_scope.get(scope, ()):
            if hmac.compare_digest(key.encode(), given.encode("utf-8", "surrogateescape")):
                found = scope
    if kind.lower() != "bearer" or found is None:
        raise ApiError("unauthorized", "This needs a key; send it as 'Authorization: Bearer KEY'.")
    if SCOPES.index(found) < SCOPES.index(needed):
        raise ApiError(
            "forbidden", f"This needs a key of scope {needed}, and the one sent has {found}."
        )
    return given
