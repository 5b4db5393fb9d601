"""Room for the files of a run: on Cloud Run the file system is memory, and a container without memory is ended."""

from dataclasses import dataclass, field
from pathlib import Path

from cloudact.errors import Stop
from providers.day_size import day_too_large


@dataclass
class FileRoom:
    """Room of so many bytes for all files of a reading together."""

    most_bytes: int
    _sizes: dict[Path, int] = field(default_factory=dict)

    def grew(self, path: Path) -> None:
        """Notes how large the file is by now."""
        self._sizes[path] = path.stat().st_size

    def is_gone(self, path: Path) -> None:
        """Notes that the file was deleted."""
        self._sizes.pop(path, None)

    @property
    def too_large(self) -> Stop | None:
        """Reason why the files do not fit; `None` while they do."""
        needed = sum(self._sizes.values())
        return day_too_large(needed, self.most_bytes) if needed > self.most_bytes else None
