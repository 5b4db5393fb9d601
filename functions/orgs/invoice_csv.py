"""Reads invoices from CSV (RFC 4180): strictly, each row as the JSON body of one invoice would be, all or nothing."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from cloudact.error_codes import Code
from functions.web.problems import Problem, bad_request

MOST_ROWS = 1000


def rows_of(body: bytes, columns: Sequence[str], required: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yields each row's number (the header is 1) and its fields that hold something, by column.

    Raises 400, with the row's number, for what is no UTF-8, a header with other columns than these, and a row that has
    more or fewer fields than the header.
    """
    try:
        text = body.decode("utf-8-sig")  # Excel writes a mark before UTF-8
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as err:
        raise _malformed("The body is not CSV in UTF-8 with fields between commas.") from err
    if "\0" in text:
        raise _malformed("The body holds a NUL character, which is no text.")
    if not lines:
        raise _malformed("The body has no header row.")
    header = lines[0]
    _check_header(header, columns, required)
    if len(lines) - 1 > MOST_ROWS:
        raise _malformed(f"The body has more than {MOST_ROWS} rows.")
    for number, fields in enumerate(lines[1:], start=2):
        if fields and len(fields) != len(header):
            raise _malformed(f"Row {number} has {len(fields)} fields, and the header {len(header)}.")
        if any(fields):
            yield number, {name: value for name, value in zip(header, fields, strict=True) if value}


def in_row(number: int, problem: Problem) -> Problem:
    """Refusal of a field, with the number of its row before the sentence."""
    return Problem(problem.status, f"Row {number}: {problem.detail}", code=problem.code, field=problem.field)


def _check_header(header: Sequence[str], columns: Sequence[str], required: Sequence[str]) -> None:
    unknown = [name for name in header if name not in columns]
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if unknown or twice:
        named = ", ".join(repr(name[:50]) for name in (unknown or twice)[:5])
        raise bad_request(
            f"The header row has a column that is not known or stands twice: {named}. Allowed: {', '.join(columns)}.",
            Code.FIELD_UNKNOWN,
        )
    for name in required:
        if name not in header:
            raise Problem(400, f"The header row lacks {name}.", code=Code.FIELD_MISSING, field=name)


def _malformed(detail: str) -> Problem:
    return bad_request(detail, Code.BODY_INVALID)
