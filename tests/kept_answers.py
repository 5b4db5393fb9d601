"""Answers to questions that have one answer for ever, kept as files between processes and sessions of tests."""

import hashlib
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from localcloud.whole_files import write_whole

FORGOTTEN_AFTER_S = 30 * 86_400


@dataclass(frozen=True)
class KeptAnswers:
    """A folder of answers by the SHA-256 of their questions; any number of processes may share it."""

    folder: Path

    def find(self, question: bytes) -> bytes | None:
        """The answer that was kept, if one was and is whole."""
        path = self._path(question)
        try:
            answer = zlib.decompress(path.read_bytes())
            if path.stat().st_mtime < time.time() - 86_400:
                path.touch()  # it is still asked for
        except (FileNotFoundError, zlib.error):  # another process may have forgotten it meanwhile
            return None
        return answer

    def keep(self, question: bytes, answer: bytes) -> None:
        """Keep an answer, whole or not at all."""
        path = self._path(question)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, zlib.compress(answer, 1))

    def forget_unused(self) -> None:
        """Delete what nobody has asked for in a month."""
        for path in self.folder.glob("*"):
            with suppress(FileNotFoundError):  # another process has forgotten it, or finished the part
                if path.stat().st_mtime < time.time() - FORGOTTEN_AFTER_S:
                    path.unlink()

    def _path(self, question: bytes) -> Path:
        return self.folder / hashlib.sha256(question).hexdigest()
