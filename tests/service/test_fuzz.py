"""Draw requests from the OpenAPI document: each answer matches it and none has a 5xx status.

PRISMREC_FUZZ=120 draws at least 120 requests per route; the default is a few. The seed is fixed.
"""

import contextlib
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from prismrec.data.storage import save_dataset
from prismrec.recommend.artifact import save
from prismrec.service.app import create_app
from prismrec.service.context import RouteContext
from prismrec.service.settings import Keys, ServePaths, Settings
from prismrec.service.stores import open_store
from worlds import small_dataset, untrained

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("PRISMREC_FUZZ", "6"))
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """Yield the API of a service in this process, as schemathesis reads it."""
    folder = tmp_path_factory.mktemp("fuzz")
    dataset = small_dataset()
    save(untrained(dataset), folder / "artifact")
    save_dataset(dataset, folder / "data")
    (folder / "tmp").mkdir()
    patch = pytest.MonkeyPatch()
    patch.setattr("tempfile.tempdir", str(folder / "tmp"))
    places = ServePaths(artifact=folder / "artifact", data=folder / "data")
    store = open_store(f"sqlite:///{folder}/events.db")
    context = RouteContext.open(places, store, Settings(queue=1_000), Keys())
    yield schemathesis.openapi.from_asgi("/openapi.json", create_app(context))
    patch.undo()
    context.close()


def asked(operation, mode, examples):
    """Draw requests of a route, check each answer, and return the number of requests."""
    count = 0

    @seed(0)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        nonlocal count
        count += 1
        case.call_and_validate(checks=CHECKS)

    with contextlib.suppress(Unsatisfiable):  # a route without parameters has no invalid request
        ask()
    return count


def test_every_answer_to_random_requests_matches_the_document(api):
    drawn, failed = {}, []
    for found in api.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                drawn[operation.label, mode] = asked(operation, mode, EXAMPLES)
            except FailureGroup as error:
                failed.append((operation.label, mode, str(error.exceptions)))
    print(f"{sum(drawn.values())} requests over {len(drawn) // 2} routes")  # noqa: T201
    assert not failed
    assert min(count for (_, mode), count in drawn.items() if mode.is_positive) >= 1
