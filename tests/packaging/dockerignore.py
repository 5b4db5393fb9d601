"""What `.dockerignore` leaves in the build's context.

A pattern decides about a path and all that lies below it, and the last one that matches counts
(https://docs.docker.com/build/concepts/context/#dockerignore-files).
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

GLOBS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def context_files(paths: Iterable[str], ignore: str) -> set[str]:
    """Those of the paths that a build can see."""
    patterns = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]
    return {path for path in paths if not _ignored(path, patterns)}


def _ignored(path: str, patterns: list[str]) -> bool:
    matching = [pattern for pattern in patterns if _matches(path, pattern.removeprefix("!").strip("/"))]
    return bool(matching) and not matching[-1].startswith("!")


def _matches(path: str, pattern: str) -> bool:
    regex = re.compile("".join(GLOBS.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)))
    folders = [str(folder) for folder in PurePosixPath(path).parents][:-1]  # without the root itself
    return any(regex.fullmatch(part) for part in (path, *folders))
