"""No error for the address of a store contains its password."""

import pytest

from prismrec.errors import ConfigError, StoreError
from prismrec.service.stores import open_store


@pytest.mark.parametrize(
    "address",
    [
        "//me:hush@127.0.0.1:1/0",
        "//:hush@127.0.0.1:1/0",
        "//me:hush@127.0.0.1:none/0",
        "//me:%zzhush@127.0.0.1:1/0",
        "//me:hush/x@127.0.0.1:1/0",
        "//me:hush@[127/0",
        "//127.0.0.1:1/0?password=hush",
        "//127.0.0.1:1/0?hush=hush",
        "me:hush@127.0.0.1",
        "hush",
    ],
)
@pytest.mark.parametrize(("scheme", "driver"), [("postgresql", "psycopg"), ("redis", "redis")])
def test_no_error_or_its_cause_contains_the_password(scheme, driver, address):
    pytest.importorskip(driver, reason="pip install 'prismrec[stores]'")
    with pytest.raises((ConfigError, StoreError)) as refused:
        open_store(f"{scheme}:{address}")
    assert "hush" not in str(refused.value)
    assert refused.value.__suppress_context__
