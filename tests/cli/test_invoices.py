"""`invoices` against the real endpoints."""

from pathlib import Path

from tests.cli.conftest import Shell

ONE = ("--issuer", "openai", "--month", "2026-10", "--total", "10.50", "--currency", "USD")


def test_invoices_are_told_and_removed(customer: Shell, tmp_path: Path) -> None:
    """One by its options, many by a file; what is told again in other words is a correction; removing asks first."""
    assert customer("invoices", "add", "A-1", *ONE).stdout == "1 added.\n"
    path = tmp_path / "invoices.csv"
    path.write_text("number,issuer,month,total,currency,tax\nA-1,openai,2026-10,11,USD,\nB-2,gcp,2026-09,7,EUR,1.5\n")
    assert customer("invoices", "add", "--csv", str(path)).stdout == "1 added, 1 corrected.\n"
    listed = customer("invoices", "list").stdout.splitlines()
    assert [line.split()[:5] for line in listed[1:]] == [
        ["2026-10", "openai", "A-1", "11", "USD"], ["2026-09", "gcp", "B-2", "7", "EUR"],
    ]  # fmt: skip
    assert customer("invoices", "remove", "A-1", "--issuer", "openai").exit_code == 2
    assert customer("invoices", "remove", "A-1", "--issuer", "openai", "--yes").stdout == "1 removed.\n"
    assert [each["number"] for each in customer.json("invoices", "list")["invoices"]] == ["B-2"]


def test_invoices_that_are_refused(customer: Shell) -> None:
    """What an invoice needs is said before anything is sent; a wrong row is the API's refusal, with its number."""
    lacking = customer("invoices", "add", "A-1", "--issuer", "openai")
    assert (lacking.exit_code, "needs month, total, currency" in lacking.stderr) == (2, True)
    wrong = customer("invoices", "add", "--csv", "-", stdin="number,issuer,month,total,currency\nA,openai,x,1,USD\n")
    assert (wrong.exit_code, "Row 2: month must be" in wrong.stderr) == (3, True)
