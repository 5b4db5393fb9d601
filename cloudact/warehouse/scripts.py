"""The scripts of `sql/`: which there are, in which order they run, and that each may run again.

`NNN_name.sql` is versioned: numbered from 001 without a gap, run once, never changed after. `views_name.sql` holds
views, which are made again whenever their text changes. Knows no BigQuery.
"""

import functools
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cloudact.errors import ConfigError
from cloudact.settings import ROOT

SQL = ROOT / "sql"
_NAME = re.compile(r"(?P<version>\d{3})_[a-z0-9_]+|views_[a-z0-9_]+", re.ASCII)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
# Whoever crashes between applying and recording applies again, and so do two who migrate at once. Nothing here takes
# anything away, so all scripts may also run anew over a dataset that has them.
_VERSIONED = re.compile(
    r"CREATE TABLE IF NOT EXISTS \S"
    r"|ALTER TABLE \S+\s+(?:ADD COLUMN IF NOT EXISTS \S|(?:ALTER COLUMN IF EXISTS \S+ )?SET OPTIONS\s*\()",
)
_VIEW = re.compile(r"CREATE OR REPLACE VIEW \S")
_ADDS_BLINDLY = re.compile(r"\bADD COLUMN (?!IF NOT EXISTS )")


class Scope(StrEnum):
    """Whose datasets a script is for: the folder below `sql/`."""

    SERVICE = "organizations"
    ORG = "org"


@dataclass(frozen=True)
class Script:
    """One file. `name` is without `.sql`; `version` is `None` for views."""

    scope: Scope
    name: str
    version: int | None
    text: str

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label(self) -> str:
        """Name and checksum: what a dataset must have a record of."""
        return f"{self.name} {self.checksum}"


def load_scripts(scope: Scope, root: Path = SQL) -> tuple[Script, ...]:
    """The scripts in the order in which they run, views last. `ConfigError` names the file that is not right."""
    scripts = [_script(scope, path) for path in sorted((root / scope).glob("*.sql"))]
    versioned = [script for script in scripts if script.version is not None]
    for expected, script in enumerate(versioned, 1):
        if script.version != expected:
            raise ConfigError(f"{_place(script)}: its number should be {expected:03d}, next to the file before it.")
    return (*versioned, *(script for script in scripts if script.version is None))


def _script(scope: Scope, path: Path) -> Script:
    found = _NAME.fullmatch(path.stem)
    if found is None:
        raise ConfigError(f"sql/{scope}/{path.name}: should be named NNN_name.sql, or views_name.sql for views.")
    version = int(found["version"]) if found["version"] else None
    script = Script(scope, path.stem, version, path.read_text(encoding="utf-8"))
    _check_statements(script)
    return script


def _check_statements(script: Script) -> None:
    form = _VIEW if script.version is None else _VERSIONED
    for statement in statements(script.text):
        plain = " ".join(_COMMENT.sub("", statement).split())
        if not form.match(plain) or _ADDS_BLINDLY.search(plain):
            raise ConfigError(
                f"{_place(script)}: a statement that may not run again, or has no place here: {plain:.60}…"
            )


def statements(text: str) -> list[str]:
    """The statements of a script, each ended by a semicolon at the end of a line; comments alone are none."""
    return [part for part in text.split(";\n") if _COMMENT.sub("", part).strip()]


def _place(script: Script) -> str:
    return f"sql/{script.scope}/{script.name}.sql"
