"""Check that the types of the page come from the OpenAPI document of the service."""

import json
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
WEB = Path(__file__).parents[2] / "web"
REGENERATE = "run python web/openapi.py and npm --prefix web run types, and commit both files"


def test_the_openapi_document_is_up_to_date():
    document = runpy.run_path(str(WEB / "openapi.py"))["openapi_document"]()
    written = json.loads((WEB / "openapi.json").read_text("utf-8"))
    assert written == document, REGENERATE


def test_the_types_are_generated_from_the_document(tmp_path):
    generator = WEB / "node_modules" / ".bin" / "openapi-typescript"
    if shutil.which("node") is None or not generator.exists():
        pytest.skip("Node or the page's packages are missing: run npm ci in web/")
    made = tmp_path / "api-types.ts"
    line = [str(generator), "openapi.json", "--output", str(made)]
    done = subprocess.run(line, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.read_bytes() == (WEB / "src" / "api-types.ts").read_bytes(), REGENERATE
