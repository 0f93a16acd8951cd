"""What a wheel carries beside the package: the sample models, for `nngrad samples`. An editable install finds them in the clone."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SampleModels(BuildHookInterface):
    """Takes models and tables, not the scripts that made them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for path in sorted(Path(self.root, "sample_models").iterdir()):
            if path.is_file() and path.suffix != ".py":
                build_data["force_include"][str(path)] = f"nngrad/data/sample_models/{path.name}"
