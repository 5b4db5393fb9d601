"""Store of what commands have made: resources and the policies on them, by name, in one JSON file."""

import json
from pathlib import Path
from typing import Any

from infra.rehearsal.local_stack import LocalStack

Json = dict[str, Any]


class Store:
    """Resources by their full name, like `projects/p/locations/r/queues/runs`; and the local cloud, if one runs."""

    def __init__(self, file: Path, stack: LocalStack | None = None) -> None:
        self._file = file
        self.stack = stack
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.resources: dict[str, Json] = kept.get("resources", {})
        self.policies: dict[str, Json] = kept.get("policies", {})

    def save(self) -> None:
        """Writes the file."""
        kept = {"resources": self.resources, "policies": self.policies}
        self._file.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def below(self, collection: str) -> list[Json]:
        """Direct members of a collection."""
        prefix = f"{collection}/"
        return [
            resource
            for name, resource in self.resources.items()
            if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
        ]
