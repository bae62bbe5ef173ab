from .app import create_app, write_environment
from .checks import check_served
from .context import RouteContext
from .server import listen, run
from .settings import Keys, ServePaths, Settings, check_exposure

__all__ = [
    "Keys",
    "RouteContext",
    "ServePaths",
    "Settings",
    "check_exposure",
    "check_served",
    "create_app",
    "listen",
    "run",
    "write_environment",
]
