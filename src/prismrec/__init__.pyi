from . import (
    data as data,
)
from . import (
    evaluation as evaluation,
)
from . import (
    models as models,
)
from . import (
    recommend as recommend,
)
from . import (
    rerank as rerank,
)
from . import (
    retrieval as retrieval,
)
from . import (
    training as training,
)
from ._version import __version__ as __version__
from .data import (
    Columns as Columns,
)
from .data import (
    Dataset as Dataset,
)
from .data import (
    EventLog as EventLog,
)
from .data import (
    Split as Split,
)
from .data import (
    build_dataset as build_dataset,
)
from .data import (
    load_dataset as load_dataset,
)
from .data import (
    load_split as load_split,
)
from .data import (
    read_events as read_events,
)
from .data import (
    read_items as read_items,
)
from .data import (
    save_dataset as save_dataset,
)
from .data import (
    split_by_time as split_by_time,
)
from .data import (
    split_by_user as split_by_user,
)
from .data import (
    split_leave_last_out as split_leave_last_out,
)
from .evaluation import (
    Report as Report,
)
from .evaluation import (
    compare as compare,
)
from .evaluation import (
    diagnose as diagnose,
)
from .evaluation import (
    evaluate as evaluate,
)
from .models import (
    DynamicRouting as DynamicRouting,
)
from .models import (
    ItemCategories as ItemCategories,
)
from .models import (
    Model as Model,
)
from .models import (
    Prism as Prism,
)
from .models import (
    SelfAttentive as SelfAttentive,
)
from .recommend import (
    Answer as Answer,
)
from .recommend import (
    NewItem as NewItem,
)
from .recommend import (
    Recommender as Recommender,
)
from .recommend import (
    load as load,
)
from .recommend import (
    save as save,
)
from .retrieval import ExactIndex as ExactIndex
from .training import (
    Objective as Objective,
)
from .training import (
    RunConfig as RunConfig,
)
from .training import (
    TrainConfig as TrainConfig,
)
from .training import (
    Trained as Trained,
)
from .training import (
    fit as fit,
)
from .training import (
    train as train,
)
from .types import (
    Diversity as Diversity,
)
from .types import (
    Filter as Filter,
)
from .types import (
    ListOptions as ListOptions,
)
from .types import (
    RankedItems as RankedItems,
)

__all__ = [
    "Answer",
    "Columns",
    "Dataset",
    "Diversity",
    "DynamicRouting",
    "EventLog",
    "ExactIndex",
    "Filter",
    "ItemCategories",
    "ListOptions",
    "Model",
    "NewItem",
    "Objective",
    "Prism",
    "RankedItems",
    "Recommender",
    "Report",
    "RunConfig",
    "SelfAttentive",
    "Split",
    "TrainConfig",
    "Trained",
    "__version__",
    "build_dataset",
    "compare",
    "data",
    "diagnose",
    "evaluate",
    "evaluation",
    "fit",
    "load",
    "load_dataset",
    "load_split",
    "models",
    "read_events",
    "read_items",
    "recommend",
    "rerank",
    "retrieval",
    "save",
    "save_dataset",
    "split_by_time",
    "split_by_user",
    "split_leave_last_out",
    "train",
    "training",
]
