from .app import (
    create_app as create_app,
)
from .app import (
    write_environment as write_environment,
)
from .checks import check_served as check_served
from .context import RouteContext as RouteContext
from .server import (
    listen as listen,
)
from .server import (
    run as run,
)
from .settings import (
    Keys as Keys,
)
from .settings import (
    ServePaths as ServePaths,
)
from .settings import (
    Settings as Settings,
)
from .settings import (
    check_exposure as check_exposure,
)

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
