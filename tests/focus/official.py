"""Run by the Python of the official validator's own environment: what it says about a Parquet file, as JSON.

`python official.py DATA.parquet FOLDER VERSION CRITERION,…`: FOLDER holds `model-<version>.json`. Prints one object,
rule → [status, violations].
"""

import contextlib
import importlib.metadata
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


def main(data: str, folder: str, version: str, criteria: str) -> None:
    """Prints the verdicts of the validator that this Python has."""
    import focus_validator.validator as official  # type: ignore[import-not-found]

    os.chdir(Path(official.__file__).parent.parent)  # it opens a file of its own by a relative path
    with contextlib.redirect_stdout(io.StringIO()):
        results = official.Validator(
            data_filename=data,
            output_destination=None,
            output_type="console",
            rule_set_path=folder,
            focus_dataset="CostAndUsage",
            rules_version=version,
            rules_block_remote_download=True,
            applicability_criteria=criteria or None,
        ).validate()
    verdicts = {rule_id: _status(each) for rule_id, each in results.by_rule_id.items()}
    print(json.dumps({"version": importlib.metadata.version("focus-validator"), "rules": verdicts}))  # noqa: T201


def _status(result: dict[str, Any]) -> tuple[str, int]:
    details = result["details"]
    if details.get("skipped"):
        return "skipped", 0
    if result["ok"]:
        return "passed", 0
    return "failed", int(details.get("violations", 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
