"""The view `charges` of an org's dataset, made from the views `charges_<provider>` that ship (docs/focus.md).

`views_charges.sql` holds its columns in one SELECT, which is repeated here for each provider. Knows no provider by
name: the names of the scripts say which there are.
"""

import re
from collections.abc import Iterable

from cloudact.errors import ConfigError

SCRIPT = "views_charges"
_OF_A_PROVIDER = re.compile(r"views_charges_(?P<provider>[a-z0-9_]+)", re.ASCII)
_EACH = re.compile(r"\bcharges_of_each_provider\b")


def provider_of(stem: str) -> str | None:
    """Provider whose charges the script `views_charges_<provider>` holds; `None` for any other script."""
    match = _OF_A_PROVIDER.fullmatch(stem)
    return match["provider"] if match else None


def union(text: str, providers: Iterable[str]) -> str:
    """Text of `views_charges.sql` with its SELECT once for each provider, in order, and UNION ALL between.

    Raises `ConfigError` without a provider, or where the text has no such SELECT.
    """
    head, _, select = text.rstrip().removesuffix(";").partition("\nAS\n")
    selects = [_EACH.sub(f"charges_{provider}", select) for provider in providers]
    if not selects or not _EACH.search(select):
        raise ConfigError(f"{SCRIPT}.sql: should read charges_of_each_provider, and a provider's charges be there.")
    return f"{head}\nAS\n" + "\nUNION ALL\n".join(selects) + ";\n"
