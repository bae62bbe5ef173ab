from .app import create_app, write_environment
from .applied_changes import SavedChanges
from .checks import check_served
from .context import RouteContext
from .event_import import import_events
from .experiments import Experiment
from .keys import Keys
from .server import listen, run
from .settings import ServePaths, Settings, check_exposure, exposure_secret, store_address
from .stores import open_store, place_of

__all__ = [
    "Experiment",
    "Keys",
    "RouteContext",
    "SavedChanges",
    "ServePaths",
    "Settings",
    "check_exposure",
    "check_served",
    "create_app",
    "exposure_secret",
    "import_events",
    "listen",
    "open_store",
    "place_of",
    "run",
    "store_address",
    "write_environment",
]
