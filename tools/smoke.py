"""Build the wheel, install it into a clean environment and try it there: `make smoke`.

    python tools/smoke.py

The new environment contains the wheel alone. It finds the dependencies in the environment of this
Python, so the check takes seconds. Files that the wheel lacks, or imports that only work in a
checkout, fail here.
"""

import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import importlib.metadata
from pathlib import Path

import prismrec as pr

folder = Path(pr.__file__).parent
assert Path({environment!r}) in folder.parents, folder
for name in ("py.typed", "__init__.pyi", "data/__init__.pyi", "service/page/index.html"):
    assert (folder / name).is_file(), name
assert list((folder / "service" / "page").glob("*.js")), "the page has no script"
assert pr.__version__ == importlib.metadata.version("prismrec")
for name in dir(pr):
    getattr(pr, name)
model = pr.Model(9, pr.SelfAttentive(dim=4, interests=2, max_len=5))
print(f"{{len(dir(pr))}} public names, {{sum(p.numel() for p in model.parameters())}} weights")
"""


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout into ``folder`` and return its path."""
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
        "-w", str(folder), str(ROOT))  # fmt: skip
    return next(folder.glob("prismrec-*.whl"))


def make_environment(folder: Path, wheel: Path) -> Path:
    """Install the wheel into a new environment and return the environment's Python."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    run(sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps",
        "--no-index", str(wheel))  # fmt: skip
    # A path in a .pth file is searched last; .pth files in that folder are not read, so an
    # editable installation of this checkout is not found.
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command, raise if it fails, and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, install and try the wheel, outside the checkout."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        python = make_environment(folder / "environment", build_wheel(folder))
        script = SCRIPT.format(environment=str(folder / "environment"))
        print(run(python, "-c", script, cwd=folder).strip())
        command = python.with_name("prismrec")
        print(f"prismrec {run(command, '--version', cwd=folder).strip()}")
        run(command, "doctor", cwd=folder)
    print("The wheel works in a clean environment.")


if __name__ == "__main__":
    main()
