"""Room for the files of a run: on Cloud Run the file system is memory, and a container without memory is ended."""

from dataclasses import dataclass, field
from pathlib import Path

from providers.day_size import day_too_large


@dataclass
class FileRoom:
    """Room of so many bytes for all files of a reading together."""

    most_bytes: int
    _sizes: dict[Path, int] = field(default_factory=dict)

    def hold(self, path: Path) -> None:
        """Notes how large the file is by now. Where it no longer fits, deletes it and raises `Stop`."""
        self._sizes[path] = path.stat().st_size
        needed = sum(self._sizes.values())
        if needed > self.most_bytes:
            del self._sizes[path]
            path.unlink()
            raise day_too_large(needed, self.most_bytes)
