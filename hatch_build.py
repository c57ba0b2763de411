"""A wheel without the browser libraries would serve pages that do nothing, so such a build is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MARK = "api/static/vendor/htmx.min.js"


class BrowserLibraries(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is "editable" for `pip install -e`, which `make setup` runs before npm, and else "standard"."""
        if version == "editable" or (Path(self.root) / MARK).is_file():
            return
        raise SystemExit(
            f"parvis: {MARK} is missing, so this build would ship pages without their browser libraries. "
            "Run `make setup` (it needs npm), then build again.",
        )
