from .app import (
    create_app as create_app,
)
from .app import (
    write_environment as write_environment,
)
from .health import (
    check_places as check_places,
)
from .server import (
    listen as listen,
)
from .server import (
    run as run,
)
from .service import (
    Service as Service,
)
from .settings import (
    Keys as Keys,
)
from .settings import (
    Places as Places,
)
from .settings import (
    Settings as Settings,
)
from .settings import (
    check_exposure as check_exposure,
)

__all__ = [
    "Keys",
    "Places",
    "Service",
    "Settings",
    "check_exposure",
    "check_places",
    "create_app",
    "listen",
    "run",
    "write_environment",
]
