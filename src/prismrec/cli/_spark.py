"""The engine of a command: this machine, or Spark."""

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prismrec.errors import MissingExtra

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Engine = Literal["local", "spark"]


@contextmanager
def open_session() -> Iterator["SparkSession"]:
    """Start Spark, or connect to the cluster that its environment names; stop it at the end.

    A session that this process has already is used, and not stopped.

    ``spark-submit``, ``PYSPARK_SUBMIT_ARGS`` and the files of ``SPARK_CONF_DIR`` choose the cluster
    and its options; without them Spark uses all cores of this machine.

    Raises:
        MissingExtra: pyspark or Java is not installed.
    """
    if find_spec("pyspark") is None:
        raise MissingExtra.for_("--engine spark", "cluster")
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home, "bin")) if home else None) is None:
        where = f"JAVA_HOME, which is {home}, has none" if home else "there is none on this machine"
        raise MissingExtra(
            f"--engine spark needs Java 17 or later, but {where}; install a Java runtime, such as "
            "the package openjdk-17-jre-headless of Debian, or set JAVA_HOME."
        )
    from pyspark.sql import SparkSession

    # By default the workers use the first python3 of PATH, which need not have this package.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Nothing here uses pandas in Spark, which warns about versions of it in every function.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    builder = SparkSession.builder.appName("prismrec")
    active = SparkSession.getActiveSession()
    session = active or builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    try:
        yield session
    finally:
        if active is None:
            session.stop()
