"""Pictures of items: which addresses the page may show.

The addresses come from the file of items, so from anybody. The operator names the hosts that may
be asked (``--image-host``); the Content-Security-Policy of the page allows the same hosts.
"""

import re
from collections.abc import Collection

HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
"""A host in lower case, without a port: nothing in it can end a header or a policy."""
ADDRESS = re.compile(r"https://([A-Za-z0-9.-]+)(?:[/?#][^\x00-\x20\x7f\\\"'<>`]*)?")
"""An https address without a user name, a port, spaces, quotes or control characters."""


def image_hosts(setting: str) -> tuple[str, ...]:
    """Return the hosts of the setting ``image_host``, in lower case.

    Raises:
        ValueError: One of them is not a host; the message names it.
    """
    hosts = tuple(host.strip().lower() for host in setting.split(",") if host.strip())
    for host in hosts:
        if HOST.fullmatch(host) is None:
            raise ValueError(host)
    return hosts


def allowed_image(address: str | None, hosts: Collection[str]) -> str | None:
    """Return the address of a picture if the page may show it; None if it may not.

    Args:
        address: As it is in the file of items.
        hosts: The hosts that the operator allows, in lower case.
    """
    found = ADDRESS.fullmatch(address) if address and hosts else None
    if found is None or not found[0].isprintable() or found[1].lower() not in hosts:
        return None
    return found[0]
