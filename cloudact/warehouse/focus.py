"""What the views of FOCUS are made with when they are loaded (docs/focus.md): its version, GUIDs, and providers' names.

The version of FOCUS is one word for code, views and pages. Knows no provider by name.
"""

import re
import uuid
from collections.abc import Mapping
from functools import lru_cache

VERSION = "1.4"
SCRIPTS = "views_focus_"  # what the names of these views' scripts begin with
LAST = "views_focus_metadata"  # reads views of which some come after it by name
_SCHEMAS = uuid.UUID("6b1f0f1c-6e0e-5c1b-9a53-1e4f0d7c2a64")  # the namespace of our SchemaIds
_COLUMN = re.compile(r"\('(?P<name>\w+)'(?: AS ColumnName)?, '(?P<type>\w+)'")  # of a view that lists columns
_EACH_SCHEMA = re.compile(r"\beach_schema_id\b")
_EACH_NAME = re.compile(r"\beach_provider_name\((?P<id>[\w.]+)\)")
_NAMED = re.compile(r"'(?P<name>[^'\\]+)' AS provider_name\b")
_EACH = re.compile(r"\beach_focus_version\b")
_MARK = re.compile(r"^.*--(?P<since> since| until) FOCUS (?P<version>\d+\.\d+)$\n", re.MULTILINE)


@lru_cache(maxsize=64)  # the texts that ship, read several times in one process
def of_version(text: str, version: str = VERSION) -> str:
    """Text of a view for one version of FOCUS, e.g. `1.4`, which takes the place of `each_focus_version`.

    A line that ends in `-- since FOCUS 1.5` is kept from that version on, one in `-- until FOCUS 1.4` up to it.
    """

    def kept(line: re.Match[str]) -> str:
        since = line["since"] == " since"
        wanted, marked = _number(version), _number(line["version"])
        return line[0] if (wanted >= marked if since else wanted <= marked) else ""

    return _EACH.sub(version, _MARK.sub(kept, text))


def filled(text: str, names: Mapping[str, str], version: str = VERSION) -> str:
    """Text of a view for one version of FOCUS, with the GUID of what it lists and the names of providers by id."""
    versioned = of_version(text, version)
    with_names = _EACH_NAME.sub(lambda match: _named(match["id"], names), versioned)
    return _EACH_SCHEMA.sub(lambda _: schema_id(versioned, version), with_names)


def schema_id(text: str, version: str = VERSION) -> str:
    """GUID of the columns that a view lists: another one for other names, types, order, or version of FOCUS."""
    columns = [f"{match['name']} {match['type']}" for match in _COLUMN.finditer(text, text.index("UNNEST(["))]
    return str(uuid.uuid5(_SCHEMAS, "\n".join([f"FOCUS {version}", *columns])))


def provider_name(charges: str) -> str | None:
    """Name of a provider in the text of its `views_charges_<provider>.sql`; `None` where it is not one literal."""
    names = {match["name"] for match in _NAMED.finditer(charges)}
    return names.pop() if len(names) == 1 else None


def _named(column: str, names: Mapping[str, str]) -> str:
    """Expression for the name of the provider whose id is in the column; the id itself where no name is known."""
    cases = "".join(f" WHEN '{provider}' THEN '{name}'" for provider, name in sorted(names.items()))
    return f"CASE {column}{cases} ELSE {column} END" if cases else column


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
