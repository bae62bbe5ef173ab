"""Write web/openapi.json, the OpenAPI document of the service; the page's types are made from it.

Run it after a change of the HTTP API, then ``npm --prefix web run types``.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from prismrec.data import build_dataset, open_world
from prismrec.models import EXTRACTORS, Model
from prismrec.recommend import Recommender, save
from prismrec.service import Keys, RouteContext, ServePaths, Settings, create_app
from prismrec.service.stores import open_store

FILE = Path(__file__).parent / "openapi.json"
WORLD = "synthetic:many-taste?users=20&items=16&clusters=4&events=8&seed=0"


def openapi_document() -> dict[str, Any]:
    """Return the document that a service describes itself with.

    It is the same for every artifact, so the service here has a small one without training.
    """
    log, items = open_world(WORLD)
    catalog = build_dataset(log, items=items, min_user_events=1, min_item_events=1).catalog
    model = Model(catalog.size, EXTRACTORS["sa"](dim=4, interests=2, max_len=4))
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "artifact"
        save(Recommender.exact(model, catalog), artifact)
        paths = ServePaths(artifact=artifact)
        context = RouteContext.open(paths, open_store("memory:"), Settings(), Keys())
        with TestClient(create_app(context)) as client:
            document: dict[str, Any] = client.get("/openapi.json").json()
    return document


if __name__ == "__main__":
    FILE.write_text(json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n", "utf-8")
