"""An Airflow DAG that runs one night of Prismrec. An example: Prismrec does not need Airflow.

Copy it to the folder of DAGs. The settings are those of nightly.env; secrets are best read from a
connection or a secrets backend. A refused version (exit code 3) fails the task; the service
continues to answer with the version before.
"""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator

SETTINGS = {
    "PRISMREC_HOME": "/srv/prismrec",
    "PRISMREC_EXPORT": "/etc/prismrec/export.sh",
    "PRISMREC_RELOAD": "/usr/share/prismrec/reload.sh",
    "PRISMREC_PREPARE": "--split by-time --valid 0.03 --test 0.03",
    # A training from the beginning on each Sunday.
    "PRISMREC_FULL": "{{ 'yes' if logical_date.weekday() == 6 else 'no' }}",
}

with DAG(
    "prismrec_nightly",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "execution_timeout": timedelta(hours=6)},
):
    BashOperator(
        task_id="night",
        bash_command="/usr/share/prismrec/nightly.sh ",  # the space: it is no template file
        env=SETTINGS,
        append_env=True,
    )
