"""Make the README's relative links absolute for the package page; hatchling runs this file."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ReadmeHook(MetadataHookInterface):
    """Adds the README to the metadata, with links to the project's repository."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the field ``readme``."""
        home = metadata["urls"]["Homepage"]
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        raw = home.replace("github.com", "raw.githubusercontent.com")
        text = re.sub(r"(!\[[^]]*\]\()(?!\w+:|#)", rf"\1{raw}/main/", text)
        text = re.sub(r"((?<!\!)\[[^]]*\]\()(?!\w+:|#)", rf"\1{home}/blob/main/", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
