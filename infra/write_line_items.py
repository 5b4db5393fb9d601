"""`python -m infra.write_line_items`: writes the rules of OpenAI's line items into the view that reads by them."""

import sys

from cloudact.settings import ROOT
from providers.openai.line_items import RULES, as_sql

VIEW = ROOT / "sql" / "org" / "views_charges_openai.sql"
BEGIN = "    -- Written by `python -m infra.write_line_items` from providers/openai/line_items.py: change it there.\n"
END = "    -- That was written.\n"


def written(text: str) -> str:
    """Text of the view with the rules of today."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{as_sql()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    VIEW.write_text(written(VIEW.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{VIEW.name}: {len(RULES)} rules\n")
