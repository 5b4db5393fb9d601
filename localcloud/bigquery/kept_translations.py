"""What was made of statements, kept on disk for the next server: a start would spend half of its CPU on them.

It follows from the statement, from the columns of its tables and from the code that makes it. Servers share the folder;
one that cannot use it reads and translates for itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from localcloud.whole_files import write_whole

CODE = Path(__file__).parent
FOLDER = CODE.parents[1] / ".bigquery_cache"
Found = TypeVar("Found")
TRANSLATORS = ("bqemulator", "duckdb", "sqlglot")
MOST = 10_000  # files, of some 12 kB each, the largest of 200 kB


class KeptTranslations:
    """Those of this code; what other code has made is deleted."""

    def __init__(self, folder: Path = FOLDER, code: str | None = None, most: int = MOST) -> None:
        self._folder = folder / (code or _code())
        if not self._folder.exists():
            _delete(other for other in folder.glob("*") if other != self._folder)  # which one beside it may make now
        _delete(_beyond(self._folder, most))

    def find(self, key: object, read: Callable[[Any], Found]) -> Found | None:
        """What was kept under the key (anything whose `repr` tells it from all others), as it is read from its JSON."""
        file = self._file(key)
        try:
            found = read(json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None
        with suppress(OSError):
            os.utime(file)
        return found

    def find_or_make(
        self, key: object, read: Callable[[Any], Found], make: Callable[[], Found], told: Callable[[Found], object]
    ) -> Found:
        """What was kept under the key, or else what `make` makes of it, kept as `told` tells it."""
        found = self.find(key, read)
        if found is None:
            found = make()
            self.keep(key, told(found))
        return found

    def keep(self, key: object, made: object) -> None:
        """Keep it as JSON, if that is possible; other servers see all of it or nothing."""
        with suppress(OSError, ValueError):
            content = json.dumps(made).encode()
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._file(key), content)

    def _file(self, key: Any) -> Path:
        return self._folder / hashlib.blake2b(repr(key).encode(errors="surrogatepass"), digest_size=20).hexdigest()


@cache
def _code() -> str:
    """Stands for all that decides how a statement is translated."""
    digest = hashlib.blake2b(digest_size=10)
    for name in TRANSLATORS:
        digest.update(f"{name} {version(name)}\n".encode())
    for file in sorted(CODE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _beyond(folder: Path, most: int) -> list[Path]:
    """Where there are more files than that, all but the half of them that was used last."""
    with suppress(OSError):
        files = list(folder.iterdir()) if folder.exists() else []
        if len(files) > most:
            return sorted(files, key=lambda file: file.stat().st_mtime)[: -(most // 2)]
    return []


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
