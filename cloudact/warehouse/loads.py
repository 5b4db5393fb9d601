"""The view `loads` of an org's dataset, made from the raw tables that ship (docs/focus.md).

`views_loads.sql` holds its columns in one SELECT, which is repeated here for each table. A raw table is named
`<provider>_…_daily_raw`, after one of the providers whose charges ship. Knows no provider by name.
"""

import re
from collections.abc import Collection, Iterable

from cloudact.errors import ConfigError

SCRIPT = "views_loads"
_RAW = re.compile(r"\w+_daily_raw", re.ASCII)
_EACH_TABLE = re.compile(r"\beach_daily_raw\b")
_EACH_PROVIDER = re.compile(r"\beach_provider\b")


def provider_of(table: str, providers: Collection[str]) -> str | None:
    """Provider whose raw table it is, by its name; `None` for any other table."""
    if not _RAW.fullmatch(table):
        return None
    return max((each for each in providers if table.startswith(f"{each}_")), key=len, default=None)


def union(text: str, tables: Iterable[str], providers: Collection[str]) -> str:
    """Text of `views_loads.sql` with its SELECT once for each raw table, in order, and UNION ALL between.

    Raises `ConfigError` without a raw table, or where the text has no such SELECT.
    """
    head, _, select = text.rstrip().removesuffix(";").partition("\nAS\n")
    selects = [
        _EACH_PROVIDER.sub(provider, _EACH_TABLE.sub(table, select))
        for table in tables
        if (provider := provider_of(table, providers))
    ]
    if not selects or not _EACH_TABLE.search(select):
        raise ConfigError(f"{SCRIPT}.sql: should read each_daily_raw, and a provider's raw table be there.")
    return f"{head}\nAS\n" + "\nUNION ALL\n".join(selects) + ";\n"
