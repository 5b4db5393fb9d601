"""Table names in a statement: qualified with project and dataset, and resolved to the tables it reads."""

from __future__ import annotations

from bqemulator.domain.errors import InvalidQueryError
from sqlglot import exp

from localcloud.bigquery.tables import TableRef


def qualify(tree: exp.Expression, project: str, dataset: tuple[str, str] | None) -> None:
    """Complete every table name from the job's project and default dataset; raises InvalidQueryError."""
    _split_information_schema(tree, dataset)
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not is_table_name(table):
            continue
        if not table.db:
            if table.name.lower() in own:
                continue
            if dataset is None:
                raise InvalidQueryError(
                    f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).', location="query"
                )
            table.set("catalog", exp.to_identifier(dataset[0], quoted=True))
            table.set("db", exp.to_identifier(dataset[1], quoted=True))
        elif not table.catalog:
            table.set("catalog", exp.to_identifier(project, quoted=True))


def _split_information_schema(tree: exp.Expression, dataset: tuple[str, str] | None) -> None:
    # sqlglot reads `ds.INFORMATION_SCHEMA.COLUMNS` with one quoted name, which bqemulator's expansion misses.
    for table in tree.find_all(exp.Table):
        before, found, view = table.name.rpartition("INFORMATION_SCHEMA.")
        if not found:
            continue
        if found in table.alias:  # sqlglot's own alias for a name in one pair of backticks
            table.set("alias", None)
        parts = [part for part in (table.catalog, table.db, *before.split(".")) if part] or list(dataset or ())
        table.set("this", exp.to_identifier(f"{found}{view}", quoted=False))
        for key, part in zip(("db", "catalog"), reversed(parts), strict=False):
            table.set(key, exp.to_identifier(part, quoted=False))


def is_table_name(table: exp.Table) -> bool:
    """Whether the node names a stored table: not a function, a wildcard, a schema or INFORMATION_SCHEMA."""
    plain = isinstance(table.this, exp.Identifier) and bool(table.name) and not table.name.endswith("*")
    return plain and "INFORMATION_SCHEMA" not in f"{table.db}.{table.name}".upper()


def table_ref(table: exp.Table) -> TableRef:
    """The table that a qualified node names."""
    return TableRef(table.catalog, table.db, table.name)


def stored_tables(tree: exp.Expr) -> list[exp.Table]:
    """The nodes that name stored tables, once the tree is qualified."""
    return [table for table in tree.find_all(exp.Table) if is_table_name(table) and table.db]


def written_table(tree: exp.Expr) -> TableRef | None:
    """The table that a qualified statement writes, `None` if that cannot be told."""
    if not isinstance(tree, (exp.Insert, exp.Update, exp.Delete, exp.Merge)):
        return None
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return table_ref(target) if isinstance(target, exp.Table) and is_table_name(target) else None
