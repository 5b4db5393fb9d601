"""The scripts of `sql/`: their order, their names, and that each may run again."""

import re
from pathlib import Path

import pytest

from cloudact.errors import ConfigError
from cloudact.warehouse.focus import filled, provider_name
from cloudact.warehouse.scripts import SQL, Scope, load_scripts

TABLE = "CREATE TABLE IF NOT EXISTS org_dataset.t (a STRING);\n"
VIEW = "CREATE OR REPLACE VIEW org_dataset.v AS SELECT a FROM org_dataset.t;\n"


def written(root: Path, **files: str) -> Path:
    (root / "org").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "org" / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("scope", Scope)
def test_what_ships_can_be_applied(scope: Scope) -> None:
    """Shipped scripts are numbered without a gap, repeatable in every statement, and views come last."""
    versions = [script.version for script in load_scripts(scope)]
    numbered = [version for version in versions if version]
    assert numbered == list(range(1, len(numbered) + 1))
    assert versions[len(numbered) :] == [None] * (len(versions) - len(numbered)) != []


def test_records_come_first() -> None:
    """The table that tells what was applied is the first thing that is made."""
    assert load_scripts(Scope.SERVICE)[0].name == "001_schema_migrations"


def test_a_checksum_is_of_the_text(tmp_path: Path) -> None:
    """A script's checksum changes with its text, and only with it."""
    root = written(tmp_path, _001_t=TABLE, views_v=VIEW)
    before = [script.checksum for script in load_scripts(Scope.ORG, root)]
    assert before == [script.checksum for script in load_scripts(Scope.ORG, root)]
    written(tmp_path, views_v=f"-- said otherwise\n{VIEW}")
    after = [script.checksum for script in load_scripts(Scope.ORG, root)]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


@pytest.mark.parametrize("name", ["_003_u", "_001_u", "_002-u", "_2_u", "view_v", "tables"])
def test_a_file_out_of_order_is_named(tmp_path: Path, name: str) -> None:
    """A gap, a number given twice and a name that is no script's are refused, naming the file."""
    with pytest.raises(ConfigError, match=name.removeprefix("_")):
        load_scripts(Scope.ORG, written(tmp_path, _001_t=TABLE, **{name: TABLE}))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE org_dataset.t (a STRING)",
        "CREATE OR REPLACE TABLE org_dataset.t (a STRING)",
        "ALTER TABLE org_dataset.t ADD COLUMN a STRING",
        "ALTER TABLE org_dataset.t ADD COLUMN IF NOT EXISTS a STRING, ADD COLUMN b STRING",
        "ALTER TABLE org_dataset.t DROP COLUMN IF EXISTS a",
        "ALTER TABLE org_dataset.t RENAME COLUMN a TO b",
        "DROP TABLE IF EXISTS org_dataset.t",
        "INSERT INTO org_dataset.t (a) VALUES ('x')",
        "UPDATE org_dataset.t SET a = 'x' WHERE TRUE",
        VIEW,
    ],
)
def test_what_may_not_run_again_is_refused(tmp_path: Path, statement: str) -> None:
    """A versioned script makes tables and adds to them, in forms that change nothing the second time."""
    with pytest.raises(ConfigError, match="001_t"):
        load_scripts(Scope.ORG, written(tmp_path, _001_t=f"{TABLE}\n-- and then\n{statement}"))


def test_views_are_only_views(tmp_path: Path) -> None:
    """A script of views that makes a table is refused: it would not be known by a number."""
    with pytest.raises(ConfigError, match="views_v"):
        load_scripts(Scope.ORG, written(tmp_path, views_v=VIEW + TABLE))


def test_tables_may_be_added_to(tmp_path: Path) -> None:
    """Columns and options can be added, several in a statement and over several lines."""
    more = (
        "-- why; and wherefore\nALTER TABLE org_dataset.t\n  ADD COLUMN IF NOT EXISTS b STRING,\n"
        "  ADD COLUMN IF NOT EXISTS c STRING;\n\nALTER TABLE org_dataset.t SET OPTIONS (description = 'x');\n"
        "ALTER TABLE org_dataset.t ALTER COLUMN IF EXISTS b SET OPTIONS (description = 'y');\n"
    )
    assert [s.version for s in load_scripts(Scope.ORG, written(tmp_path, _001_t=TABLE, _002_more=more))] == [1, 2]


UNION = "CREATE OR REPLACE VIEW org_dataset.charges\nAS\nSELECT\n  a\nFROM org_dataset.charges_of_each_provider;\n"


def charges(provider: str, table: str = "t") -> str:
    return f"CREATE OR REPLACE VIEW org_dataset.charges_{provider} AS SELECT a FROM org_dataset.{table};\n"


def product(root: Path) -> Path:
    """Scripts of one provider, `zoo`, and what is made of its charges."""
    costs = "CREATE OR REPLACE VIEW org_dataset.a_costs AS SELECT a FROM org_dataset.charges;\n"
    return written(root, _001_t=TABLE, views_a_costs=costs, views_charges=UNION, views_charges_zoo=charges("zoo"))


def outside(root: Path, **files: str) -> Path:
    """A folder with the scripts of another provider."""
    (root / "outside").mkdir()
    for name, text in files.items():
        (root / "outside" / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")
    return root / "outside"


def test_the_charges_of_every_provider_are_united(tmp_path: Path) -> None:
    """A provider's own folder runs after what ships and is part of `charges`; whoever reads that comes last."""
    table = "CREATE TABLE IF NOT EXISTS org_dataset.u (a STRING);\n"
    folder = outside(tmp_path, _001_u=table, views_charges_acme=charges("acme", "u"))
    scripts = load_scripts(Scope.ORG, product(tmp_path), {"acme": folder})
    assert [script.name for script in scripts] == [
        "001_t", "acme/001_u", "views_charges_zoo", "acme/views_charges_acme", "views_charges", "views_a_costs",
    ]  # fmt: skip
    assert scripts[-2].text.partition("\nAS\n")[2] == (
        "SELECT\n  a\nFROM org_dataset.charges_zoo\nUNION ALL\nSELECT\n  a\nFROM org_dataset.charges_acme;\n"
    )
    assert load_scripts(Scope.SERVICE, folders={"acme": folder}) == load_scripts(Scope.SERVICE)


def test_another_provider_changes_the_union_alone(tmp_path: Path) -> None:
    """Every other script keeps its name and its text, so that no dataset lacks it."""
    root = product(tmp_path)
    before = {script.label for script in load_scripts(Scope.ORG, root)}
    folder = outside(tmp_path, views_charges_acme=charges("acme"))
    after = load_scripts(Scope.ORG, root, {"acme": folder})
    assert [s.name for s in after if s.label not in before] == ["acme/views_charges_acme", "views_charges"]


@pytest.mark.parametrize(
    ("provider", "files", "words"),
    [
        ("Acme", {"views_charges_acme": charges("acme")}, "lower-case"),
        ("a/../b", {"views_charges_acme": charges("acme")}, "lower-case"),
        ("acme; DROP", {"views_charges_acme": charges("acme")}, "lower-case"),
        ("acme", {}, "should hold the scripts of the provider acme"),
        ("acme", {"_002_u": TABLE.replace(".t", ".u")}, "should be 001"),
        ("acme", {"_001_t": TABLE}, "makes org_dataset.t, which .*org/001_t.sql makes"),
        ("acme", {"views_charges_zoo": charges("zoo")}, "makes org_dataset.charges_zoo, which"),
        ("acme", {"views_charges_acme": charges("zoo")}, "should make the view org_dataset.charges_acme"),
        ("acme", {"views_charges_acme": charges("acme") + charges("more")}, "and nothing else"),
        ("acme", {"views_charges_acme-x": charges("acme")}, "should be named"),
        ("acme", {"_001_u": "DROP TABLE org_dataset.t;"}, "may not run again"),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_right_is_named(tmp_path: Path, provider: str, files: dict[str, str], words: str) -> None:
    """Nothing of another provider is made again, no name becomes SQL, and the message names file or folder."""
    with pytest.raises(ConfigError, match=f"outside.*{words}"):
        load_scripts(Scope.ORG, product(tmp_path), {provider: outside(tmp_path, **files)})


def test_charges_without_a_provider_are_refused(tmp_path: Path) -> None:
    """A union of nothing, or one that reads no provider's charges, is no view."""
    with pytest.raises(ConfigError, match=r"views_charges\.sql"):
        load_scripts(Scope.ORG, written(tmp_path, views_charges=UNION))
    with pytest.raises(ConfigError, match=r"views_charges\.sql"):
        load_scripts(Scope.ORG, written(tmp_path, views_charges=VIEW, views_charges_zoo=charges("zoo")))


LOADS = (
    "CREATE OR REPLACE VIEW org_dataset.loads\nAS\n"
    "SELECT 'each_provider' AS p, 'each_daily_raw' AS t FROM org_dataset.each_daily_raw;\n"
)


def table(name: str) -> str:
    return TABLE.replace("org_dataset.t", f"org_dataset.{name}")


def test_the_loads_of_every_raw_table_are_united(tmp_path: Path) -> None:
    """Each raw table is read once under its provider, whichever folder makes it; other tables are left out."""
    tables = {"_001_costs": table("zoo_cost_daily_raw"), "_002_notes": table("zoo_notes")}
    views = {"views_loads": LOADS, "views_charges": UNION, "views_charges_zoo": charges("zoo", "zoo_cost_daily_raw")}
    own = {"_001_u": table("zoo_acme_daily_raw"), "views_charges_zoo_acme": charges("zoo_acme", "zoo_acme_daily_raw")}
    scripts = load_scripts(Scope.ORG, written(tmp_path, **tables, **views), {"zoo_acme": outside(tmp_path, **own)})
    (loads,) = (script for script in scripts if script.name == "views_loads")
    assert loads.text.partition("\nAS\n")[2] == (
        "SELECT 'zoo' AS p, 'zoo_cost_daily_raw' AS t FROM org_dataset.zoo_cost_daily_raw\nUNION ALL\n"
        "SELECT 'zoo_acme' AS p, 'zoo_acme_daily_raw' AS t FROM org_dataset.zoo_acme_daily_raw;\n"
    )


def test_loads_without_a_raw_table_are_refused(tmp_path: Path) -> None:
    """A union of nothing, or one that reads no raw table, is no view."""
    with pytest.raises(ConfigError, match=r"views_loads\.sql"):
        load_scripts(Scope.ORG, written(tmp_path, _001_t=TABLE, views_loads=LOADS))


def shipped(name: str) -> str:
    return (SQL / "org" / f"{name}.sql").read_text(encoding="utf-8")


def test_a_schema_has_another_id_where_its_columns_or_focus_are_others() -> None:
    """The id is a GUID of columns, types, their order and FOCUS's version; what is said about them changes nothing."""
    text = shipped("views_focus_schema")
    changed = {
        "as it is": text,
        "another column": text.replace("('EffectiveCost', 'NUMERIC')", "('x_Cost', 'NUMERIC')"),
        "another type": text.replace("('EffectiveCost', 'NUMERIC')", "('EffectiveCost', 'STRING')"),
        "one less": text.replace("  ('EffectiveCost', 'NUMERIC'),\n", ""),
        "another order": text.replace(
            "('EffectiveCost', 'NUMERIC'),\n  ('ListCost'", "('ListCost', 'NUMERIC'),\n  ('EffectiveCost'"
        ),
    }
    ids = {name: schema_id_in(filled(each, {})) for name, each in changed.items()}
    assert len({*ids.values(), schema_id_in(filled(text, {}, "1.5"))}) == len(changed) + 1
    for same in (
        f"-- A comment.\n{text}",
        text.replace("description = '", "description = 'Another: "),
        text.replace("'PublisherName')", "'PublisherName', 'Tags')"),
    ):
        assert same != text
        assert schema_id_in(filled(same, {})) == ids["as it is"]


def schema_id_in(text: str) -> str:
    (found,) = re.findall(r"'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})' AS SchemaId", text)
    return str(found)


def test_providers_have_the_names_of_their_charges() -> None:
    """The issuer of a billing period is the one that the provider's charges name; an unknown provider is its id."""
    text = "SELECT each_provider_name(days.provider)"
    assert filled(text, {"a": "A Ltd"}) == "SELECT CASE days.provider WHEN 'a' THEN 'A Ltd' ELSE days.provider END"
    assert filled(text, {}) == "SELECT days.provider"
    assert provider_name(shipped("views_charges_openai")) == "OpenAI"
    assert provider_name("SELECT name AS provider_name") is None
    assert provider_name("SELECT 'a' AS provider_name UNION ALL SELECT 'b' AS provider_name") is None
