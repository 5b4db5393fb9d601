"""The interpreter and the official validator say the same about the same rows, rule by rule."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import compute, parquet

from cloudact import clients
from focus.check import Checker, Days, Report, column_types
from focus.checks import currencies
from focus.model import VERSIONS, Model, load_model
from focus.page import PAGE
from focus.verdicts import Verdict
from tests.conftest import Local
from tests.focus import wild
from tests.focus.conftest import CORPUS, Assessed, MakeTable
from tests.focus.oracle import NoPython, Official, official, python
from tests.focus.test_documents import CASES, LIST

pytestmark = pytest.mark.bench
# The validator ends with an error where it compares a number with what is none, so these have none.
DOCUMENTS: Sequence[Any] = (
    LIST,
    LIST | {"none_ascii": "ä"},
    {},
    [],
    5,
    {"A": [], "n": None},
    {"A": [1, {"c": None}], "n": "7", "o": []},
)
STATUS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_CHECKABLE: "skipped",
}


@pytest.fixture(scope="session")
def interpreter() -> Path:
    """The Python that has the validator."""
    try:
        return python()
    except NoPython as err:
        pytest.skip(str(err))


@pytest.mark.parametrize("seed", range(8))
def test_no_disagreement_on_any_rows(
    local: Local, model: Model, made: MakeTable, interpreter: Path, tmp_path: Path, seed: int
) -> None:
    """Over random rows, columns missing, criteria met or not, both give each rule the same verdict and count."""
    rng = random.Random(seed)
    types = {
        name: kind for name, kind in wild.types(model).items() if name.startswith("x_") or rng.random() > 0.03 * seed
    }
    criteria = [name for name in sorted(model.criteria) if seed % 3 == 0 or rng.random() < 0.7]
    rows = wild.rows(model, seed, 1 if seed == 7 else 40)
    dataset = made(f"focus_wild_{seed}", types, rows)
    _agree(*_both(local, model, dataset, criteria, interpreter, tmp_path))


def test_no_disagreement_on_no_rows(
    local: Local, model: Model, made: MakeTable, interpreter: Path, tmp_path: Path
) -> None:
    """A month without a row gets the same verdicts, too."""
    dataset = made(
        "focus_wild_empty", wild.types(model), [dict.fromkeys(wild.types(model)) | {"x_UsageDate": "2020-01-01"}]
    )
    ours, theirs = _both(local, model, dataset, sorted(model.criteria), interpreter, tmp_path)
    assert ours.rows == 0
    _agree(ours, theirs)


def test_no_disagreement_about_documents(local: Local, made: MakeTable, interpreter: Path, tmp_path: Path) -> None:
    """Functions on paths in JSON, which no rule of 1.4 uses, count as the validator's do in a model made of them."""
    model = _model_of_paths(tmp_path)
    texts = [json.dumps(each, ensure_ascii=False) for each in DOCUMENTS]
    rows = [
        {"x_UsageDate": wild.DAY, "Doc": text, "Other": other}
        for text in [*texts, "{", None]
        for other in (*texts, None, "5")
    ]
    dataset = made("focus_paths", {"x_UsageDate": "DATE", "Doc": "STRING", "Other": "STRING"}, rows)
    _agree(*_both(local, model, dataset, [], interpreter, tmp_path, tmp_path))


def _model_of_paths(folder: Path) -> Model:
    """A model whose rules are the cases of test_documents.py, each once as it is met and once as it is broken."""
    calls = [(function, arguments) for function, *both in CASES for arguments in both]
    pairs = [{"PathA": "$.n"}, {"PathA": "$.A[*].b", "PathB": "$.A[*].b"}, {"PathA": "$.n", "PathB": "$.n"}]
    rules = {}
    for number, (function, arguments) in enumerate([*calls, *(("JSONCheckPathSameValue", each) for each in pairs)]):
        columns = (
            {"ColumnAName": "Doc", "ColumnBName": "Other", "PathB": None}
            if "PathA" in arguments
            else {"ColumnName": "Doc"}
        )
        check = {"CheckFunction": function, **columns, **arguments}
        demand = {
            "MustSatisfy": "It MUST.",
            "Keyword": "MUST",
            "Requirement": check,
            "Condition": {},
            "Dependencies": [],
        }
        rules[f"CAU-Doc-C-{number:03}-M"] = _rule(demand)
    file = {
        "Details": {"ModelVersion": "9.9", "FOCUSVersion": "9.9"}, "ApplicabilityCriteria": {}, "CheckFunctions": {},
        "ModelDatasets": {"CostAndUsage": {"ModelRules": list(rules)}}, "Schemas": {}, "ModelRules": rules,
    }  # fmt: skip
    (folder / "9.9").mkdir()
    content = json.dumps(file).encode()
    (folder / "9.9" / "model.json").write_bytes(content)
    pinned = {"model": {"sha256": hashlib.sha256(content).hexdigest()}}
    (folder / "9.9" / "pins.yml").write_text(json.dumps(pinned), encoding="utf-8")
    return load_model("9.9", folder)


def _rule(demand: dict[str, Any]) -> dict[str, Any]:
    entity = dict.fromkeys(("Reference", "EntityName", "EntityId"), "Doc") | {"EntityType": "Column"}
    dataset = {"DatasetType": "CAU", "DatasetId": "CostAndUsage", "DatasetName": "Cost and Usage"}
    state = {"Status": "Active", "Type": "Static", "ApplicabilityCriteria": [], "Order": 0, "Notes": ""}
    made = {"Function": "Validation", "ModelVersionIntroduced": "1.4", "ValidationCriteria": demand}
    return entity | dataset | state | made


def test_the_page_is_written_when_both_agree(
    local: Local, model: Model, assessed: Assessed, interpreter: Path, tmp_path: Path
) -> None:
    """Over the corpus both agree too, and then docs/focus-conformance.md is written; CI compares it."""
    criteria = [name for name, each in assessed.assessor.criteria.items() if each.met]
    _agree(*_both(local, model, CORPUS, criteria, interpreter, tmp_path))
    PAGE.write_text(assessed.page, encoding="utf-8")


def test_the_currencies_are_the_validators(interpreter: Path) -> None:
    """The pinned list of currencies is the one that the validator reads."""
    program = "import focus_validator.rules as rules; print(rules.__path__[0])"
    found = subprocess.run([interpreter, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    with (Path(found.stdout.strip()) / "currency_codes.csv").open(encoding="utf-8") as file:
        assert sorted(row["currency_codes"] for row in csv.DictReader(file)) == list(currencies())


def test_wild_rows_break_and_meet_the_rules(local: Local, model: Model, made: MakeTable) -> None:
    """Among the random tables most rules that are counted are both met and broken, so agreement means something."""
    verdicts = dict[str, set[str]]()
    for seed in range(20, 26):
        dataset = made(f"focus_wild_{seed}", wild.types(model), wild.rows(model, seed, 60))
        for rule_id, finding in _report(local, model, dataset, model.criteria).findings.items():
            if finding.count and not finding.rule.check.function.startswith(("Column", "Type")):
                verdicts.setdefault(rule_id, set()).add("broken" if finding.count.violations else "met")
    both = [rule_id for rule_id, found in verdicts.items() if len(found) == 2]
    print(f"{len(both)} of {len(verdicts)} counted rules were met and broken")  # noqa: T201
    assert len(both) > 0.6 * len(verdicts)


def _report(local: Local, model: Model, dataset: str, criteria: Collection[str]) -> Report:
    days = Days.of_month(wild.MONTH)
    return Checker(local.warehouse, model, criteria).check(dataset, days, column_types(local.warehouse, dataset))


def _both(
    local: Local,
    model: Model,
    dataset: str,
    criteria: Collection[str],
    interpreter: Path,
    folder: Path,
    versions: Path = VERSIONS,
) -> tuple[Report, Official]:
    rows = clients.bigquery(local.settings).query_and_wait(
        f"SELECT * FROM {dataset}.focus_costs WHERE x_UsageDate BETWEEN '2026-11-01' AND '2026-11-30'"
    )
    parquet.write_table(_told(rows.to_arrow(create_bqstorage_client=False)), folder / "data.parquet")
    theirs = official(interpreter, model, folder / "data.parquet", criteria, folder, versions)
    return _report(local, model, dataset, criteria), theirs


def _told(table: pyarrow.Table) -> pyarrow.Table:
    """The rows with times as text: a column of timestamps with a NULL is one that the validator leaves out."""
    columns = {
        name: compute.strftime(table[name].cast(pyarrow.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
        if pyarrow.types.is_timestamp(table.schema.field(name).type) and table[name].null_count
        else table[name]
        for name in table.column_names
    }
    return pyarrow.table(columns)


def _agree(ours: Report, theirs: Official) -> None:
    assert theirs.version == "2.2.1"
    assert set(ours.findings) == set(theirs.status)
    assert {rule_id: STATUS[finding.official] for rule_id, finding in ours.findings.items()} == theirs.status
    counted = {
        rule_id: finding.count.violations
        for rule_id, finding in ours.findings.items()
        if finding.count and not finding.count.missing and theirs.status[rule_id] == "failed" and ours.rows
    }
    assert counted == {rule_id: theirs.violations[rule_id] for rule_id in counted}
    print(f"{len(ours.findings)} rules, {len(counted)} counts, {ours.rows} rows: no disagreement")  # noqa: T201
