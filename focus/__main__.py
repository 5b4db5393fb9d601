"""`python -m focus check --org … --month …`: the rules of FOCUS over an org's costs, as whoever may read its dataset.

Exit code 0: every MUST that the machine checks passes. 1: some fail, and are listed. 2: it could not be checked.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TextIO

from cloudact.errors import CloudActError, Retry
from cloudact.google_errors import GoogleRefusal, is_passing, refused_with
from cloudact.orgs.org import SLUG
from cloudact.warehouse.bigquery import open_for_reading
from focus.assessment import Assessor, load_criteria, load_judgements
from focus.check import Checker, Days, column_types
from focus.model import CURRENT, load_model
from focus.summary import as_json, as_text, musts_fail

PASSED, FAILED, NOT_CHECKED = 0, 1, 2
FIRST_LOOK_S = 5.0  # who has named a wrong endpoint, or has no network, is told soon
PATIENCE_S = 300.0  # a month of a large org


def main(arguments: Sequence[str], env: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Checks what the arguments name, writes the result, and answers the exit code."""
    asked = _parsed(arguments, env)
    try:
        assessor = _assessed(asked)
    except Exception as error:
        if (sentence := _sentence(error, asked)) is None:
            raise
        err.write(f"{sentence}\n")
        return NOT_CHECKED
    month = f"{asked.month:%Y-%m}"
    if not assessor.report.rows:
        err.write(f"There are no costs of {asked.org} in {month}.\n")
        return NOT_CHECKED
    told = as_json if asked.json else as_text
    out.write(told(assessor, asked.org, month))
    return FAILED if musts_fail(assessor) else PASSED


def _assessed(asked: argparse.Namespace) -> Assessor:
    model = load_model(asked.version)
    criteria = load_criteria(model)
    first_look = open_for_reading(asked.project, asked.location, asked.bigquery, FIRST_LOOK_S)
    types = column_types(first_look, asked.org)
    warehouse = open_for_reading(asked.project, asked.location, asked.bigquery, PATIENCE_S)
    checker = Checker(warehouse, model, [name for name, each in criteria.items() if each.met])
    report = checker.check(asked.org, Days.of_month(asked.month), types)
    return Assessor(model, report, types, criteria, load_judgements(asked.version))


def _sentence(error: Exception, asked: argparse.Namespace) -> str | None:
    """Why it could not be checked; `None` for a mistake of ours."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, Retry) or is_passing(error):
        return f"{asked.bigquery or 'BigQuery'} could not be reached or is overloaded: try it again."
    if isinstance(error, CloudActError):
        return str(error)
    if isinstance(error, GoogleAuthError):
        return "Google takes no credentials of yours: `gcloud auth application-default login` gets some."
    if refused_with(error, 404):
        return f"{asked.project} has no dataset {asked.org} with the view focus_costs."
    if refused_with(error, 403):
        return (
            f"You may not check {asked.org} in {asked.project}: it takes roles/bigquery.dataViewer on the dataset and "
            "roles/bigquery.jobUser on the project."
        )
    if isinstance(error, GoogleRefusal | GoogleAPICallError):
        return f"BigQuery refuses: {' '.join(str(error).split())}"
    return None


def _parsed(arguments: Sequence[str], env: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m focus", description="The rules of FOCUS over focus_costs.")
    check = parser.add_subparsers(required=True, metavar="check").add_parser("check", help="check an org's month")
    check.add_argument("--org", required=True, type=_slug, help="the org's slug, which is its dataset")
    check.add_argument("--month", required=True, type=_month, help="YYYY-MM, by x_UsageDate")
    check.add_argument("--version", default=CURRENT, help=f"of FOCUS, {CURRENT} unless told")
    check.add_argument("--json", action="store_true", help="every rule, as JSON")
    project = env.get("CLOUDACT_PROJECT")
    check.add_argument("--project", default=project, required=not project, help="Google Cloud project of the datasets")
    location = env.get("CLOUDACT_BIGQUERY_LOCATION", "US")
    check.add_argument("--location", default=location, help=f"of the datasets, {location} unless told")
    endpoint = env.get("CLOUDACT_BIGQUERY_ENDPOINT", "")
    check.add_argument("--bigquery", default=endpoint, metavar="URL", help="of a local BigQuery; Google's unless told")
    return parser.parse_args(arguments)


def _slug(text: str) -> str:
    if not SLUG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no slug")
    return text


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r} is no month: YYYY-MM") from err


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
