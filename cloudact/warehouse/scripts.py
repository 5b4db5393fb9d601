"""Scripts of `sql/`: which there are, in which order they run, and that each may run again.

`NNN_name.sql` is versioned: numbered from 001 without a gap, run once, never changed after. `views_name.sql` holds
views, which are made again whenever their text changes. The views `charges` and `loads` are made from what ships of
each provider, and come before those that read them. A provider outside `sql/` has a folder with numbers of its own.
Knows no BigQuery.
"""

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from cloudact.errors import ConfigError
from cloudact.settings import ROOT
from cloudact.warehouse import charges, focus, loads
from cloudact.warehouse.queries import ORG_DATASET

SQL = ROOT / "sql"
NO_FOLDERS: Mapping[str, Path] = MappingProxyType({})
_PROVIDER = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_NAME = re.compile(r"(?P<version>\d{3})_[a-z0-9_]+|views_[a-z0-9_]+", re.ASCII)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
# Whoever crashes between applying and recording applies again, and so do two who migrate at once. Nothing here takes
# anything away, so all scripts may also run anew over a dataset that has them.
_VERSIONED = re.compile(
    r"CREATE TABLE IF NOT EXISTS \S"
    r"|ALTER TABLE \S+\s+(?:ADD COLUMN IF NOT EXISTS \S|(?:ALTER COLUMN IF EXISTS \S+ )?SET OPTIONS\s*\()",
)
_VIEW = re.compile(r"CREATE OR REPLACE VIEW \S")
_MADE = re.compile(r"CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) ([\w.]+)")
_ADDS_BLINDLY = re.compile(r"ADD COLUMN (?!IF NOT EXISTS )")


class Scope(StrEnum):
    """Kind of dataset that a script is for: the folder below `sql/`."""

    SERVICE = "organizations"
    ORG = "org"


@dataclass(frozen=True)
class Script:
    """One file. `name` is without `.sql`, and begins with `<provider>/` if it lies in a folder of a provider's own.

    `version` is `None` for views; `place` is the file's path, for messages.
    """

    scope: Scope
    name: str
    version: int | None
    text: str
    place: str = ""

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label(self) -> str:
        """Name and checksum, as a dataset's records hold them."""
        return f"{self.name} {self.checksum}"

    @property
    def stem(self) -> str:
        """Name without the provider's folder."""
        return self.name.rpartition("/")[2]

    @functools.cached_property
    def makes(self) -> list[str]:
        """Tables and views that the script makes, with their dataset."""
        return _MADE.findall(_plain(self.text))


def load_scripts(scope: Scope, root: Path = SQL, folders: Mapping[str, Path] = NO_FOLDERS) -> tuple[Script, ...]:
    """Scripts in the order in which they run, views last. Raises `ConfigError` naming a file that is wrong.

    `folders` are the folders with the scripts of providers outside `root`, by provider id: part of `Scope.ORG`.
    """
    scripts = _folder(scope, root / scope)
    if scope is Scope.ORG:
        for provider in sorted(folders):
            scripts += _of_provider(provider, folders[provider])
    _check_makers(scripts)
    return _of_all_providers(sorted(scripts, key=_turn))


def numbered(name: str) -> tuple[str, int] | None:
    """Folder and version in the name of a script; `None` for views."""
    folder, _, stem = name.rpartition("/")
    number = stem.partition("_")[0]
    return (folder, int(number)) if number.isdecimal() else None


def _of_provider(provider: str, folder: Path) -> list[Script]:
    """Scripts of one provider's own folder."""
    if not _PROVIDER.fullmatch(provider):
        raise ConfigError(f"{folder}: the provider's id {provider!r} should be lower-case letters, digits and _.")
    scripts = _folder(Scope.ORG, folder, f"{provider}/")
    if not scripts:
        raise ConfigError(f"{folder}: should hold the scripts of the provider {provider}.")
    return scripts


def _folder(scope: Scope, folder: Path, prefix: str = "") -> list[Script]:
    scripts = [_script(scope, path, prefix) for path in sorted(folder.glob("*.sql"))]
    versioned = [script for script in scripts if script.version is not None]
    for expected, script in enumerate(versioned, 1):
        if script.version != expected:
            raise ConfigError(f"{script.place}: its number should be {expected:03d}, next to the file before it.")
    return scripts


def _turn(script: Script) -> int:
    """Sort key of a script: tables, then each provider's charges, then the views of all of them, then others."""
    if script.version is not None:
        return 0
    if charges.provider_of(script.stem):
        return 1
    if script.name == focus.LAST:
        return 4
    return 2 if script.name in (charges.SCRIPT, loads.SCRIPT) else 3


def _of_all_providers(scripts: Iterable[Script]) -> tuple[Script, ...]:
    """Scripts, with the views of all charges and all loads made from those of the providers among them."""
    shipped = tuple(scripts)
    providers = [provider for script in shipped if (provider := charges.provider_of(script.stem))]
    names = {
        provider: name
        for script in shipped
        if (provider := charges.provider_of(script.stem)) and (name := focus.provider_name(script.text))
    }
    tables = [name.removeprefix(f"{ORG_DATASET}.") for script in shipped if script.version for name in script.makes]

    def text(script: Script) -> str:
        if script.name == charges.SCRIPT:
            return charges.union(script.text, providers)
        if script.name.startswith(focus.SCRIPTS):
            return focus.filled(script.text, names)
        return loads.union(script.text, tables, providers) if script.name == loads.SCRIPT else script.text

    return tuple(_with_text(script, text(script)) for script in shipped)


def _with_text(script: Script, text: str) -> Script:
    return script if text == script.text else replace(script, text=text)


def _script(scope: Scope, path: Path, prefix: str) -> Script:
    place = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ConfigError(f"{place}: should be named NNN_name.sql, or views_name.sql for views.")
    version = int(match["version"]) if match["version"] else None
    return _checked(scope, f"{prefix}{path.stem}", version, path.read_text(encoding="utf-8"), place)


@functools.lru_cache(maxsize=512)  # one process may need the scripts several times, and does not check a text again
def _checked(scope: Scope, name: str, version: int | None, text: str, place: str) -> Script:
    script = Script(scope, name, version, text, place)
    _check_statements(script)
    _check_charges(script)
    return script


def _check_statements(script: Script) -> None:
    form = _VIEW if script.version is None else _VERSIONED
    for statement in statements(script.text):
        plain = _plain(statement)
        if not form.match(plain) or _ADDS_BLINDLY.search(plain):
            raise ConfigError(f"{script.place}: a statement that may not run again, or has no place here: {plain:.60}…")


def _check_charges(script: Script) -> None:
    """Raises `ConfigError` where a script named after a provider's charges makes anything else."""
    provider = charges.provider_of(script.stem)
    if provider and script.makes != [f"{ORG_DATASET}.charges_{provider}"]:
        raise ConfigError(f"{script.place}: should make the view {ORG_DATASET}.charges_{provider}, and nothing else.")


def _check_makers(scripts: Iterable[Script]) -> None:
    """Raises `ConfigError` where two scripts make the same thing, of which one would undo the other."""
    makers: dict[str, Script] = {}
    for script in scripts:
        for name in script.makes:
            if name in makers:
                raise ConfigError(f"{script.place}: makes {name}, which {makers[name].place} makes already.")
            makers[name] = script


def _plain(text: str) -> str:
    return " ".join(_COMMENT.sub("", text).split())


def statements(text: str) -> list[str]:
    """Statements of a script, each ended by a semicolon at the end of a line; comments alone are none."""
    return [part for part in text.split(";\n") if _COMMENT.sub("", part).strip()]
