from .checkpoint import (
    LAST as LAST,
)
from .config import (
    TrainConfig as TrainConfig,
)
from .defaults import (
    Traits as Traits,
)
from .defaults import (
    told as told,
)
from .defaults import (
    traits_of as traits_of,
)
from .fit import (
    RunConfig as RunConfig,
)
from .fit import (
    Trained as Trained,
)
from .fit import (
    fit as fit,
)
from .fit import (
    run_record as run_record,
)
from .fit import (
    run_summary as run_summary,
)
from .fit import (
    settle as settle,
)
from .fit import (
    single_of as single_of,
)
from .initialize import (
    start_from_cooccurrence as start_from_cooccurrence,
)
from .loop import (
    Step as Step,
)
from .loop import (
    TrainResult as TrainResult,
)
from .loop import (
    train as train,
)
from .objective import (
    Objective as Objective,
)
from .select import (
    fit_rules as fit_rules,
)
from .select import (
    retire_dead as retire_dead,
)

__all__ = [
    "LAST",
    "Objective",
    "RunConfig",
    "Step",
    "TrainConfig",
    "TrainResult",
    "Trained",
    "Traits",
    "fit",
    "fit_rules",
    "retire_dead",
    "run_record",
    "run_summary",
    "settle",
    "single_of",
    "start_from_cooccurrence",
    "told",
    "train",
    "traits_of",
]
