"""The view `charges` of an org's dataset, made from the views `charges_<provider>` that ship (docs/focus.md).

`views_charges.sql` holds its columns in one SELECT; here that stands once for each provider. Knows no provider by name:
which there are, the names of the scripts tell.
"""

import re
from collections.abc import Iterable

from cloudact.errors import ConfigError

SCRIPT = "views_charges"
_OF_A_PROVIDER = re.compile(r"views_charges_(?P<provider>[a-z0-9_]+)", re.ASCII)
_EACH = re.compile(r"\bcharges_of_each_provider\b")


def provider_of(stem: str) -> str | None:
    """The provider whose charges the script `views_charges_<provider>` holds; `None` for any other script."""
    match = _OF_A_PROVIDER.fullmatch(stem)
    return match["provider"] if match else None


def union(text: str, providers: Iterable[str]) -> str:
    """The text of `views_charges.sql` with its SELECT for each provider, in the order given, and UNION ALL between.

    `ConfigError` without a provider, or where the text has no such SELECT.
    """
    head, _, select = text.rstrip().removesuffix(";").partition("\nAS\n")
    selects = [_EACH.sub(f"charges_{provider}", select) for provider in providers]
    if not selects or not _EACH.search(select):
        raise ConfigError(f"{SCRIPT}.sql: should read charges_of_each_provider, and a provider's charges be there.")
    return f"{head}\nAS\n" + "\nUNION ALL\n".join(selects) + ";\n"
