"""Files that are there whole or not at all, whenever their writer is ended, and whoever reads or writes beside it."""

from pathlib import Path
from tempfile import NamedTemporaryFile


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file that only its owner may read, in place of the one that is there. Its folder must exist.

    An error, or the end of the process, leaves the earlier file as it was.
    """
    with NamedTemporaryFile(dir=file.parent, delete=False) as unfinished:
        unfinished.write(content)
    Path(unfinished.name).replace(file)
