"""`python -m infra.document_errors`: writes docs/errors.md from the enumeration of error codes."""

import sys
from collections.abc import Iterator

from cloudact.error_codes import Code, ProviderFailure, Topic
from cloudact.settings import ROOT

PAGE = ROOT / "docs" / "errors.md"
_INTRODUCTION = """# Error codes

<!-- Written by `python -m infra.document_errors` from cloudact/error_codes.py: change it there. -->

A code is a word for programs: `error.code` of a FAILED run and of the event `run_failed`, `code` of a refusal
(`application/problem+json`) and of a line in the log. Beside it stand a sentence and mostly a hint for people. The
`type` of a refusal is `/errors/<code>`: the functions answer that path with what stands here.

- A code is never renamed and never gets another meaning. New ones are added at any time, so a client needs an answer to
  a code that it does not know: `retryable`, or the HTTP status, tells enough. Runs of the past may have codes that are
  no longer listed here.
- In the OpenAPI document `code` is an extensible enumeration, in the way of [Zalando's guideline
  112](https://opensource.zalando.com/restful-api-guidelines/#112): a string without `enum`, whose `examples` are the
  codes of today.
- `retryable` yes: it passes by itself. A run is tried again while tries are left, and a request may be sent again. No:
  the same call fails again until somebody does what the last column says.
"""
_FAMILY = """
## Providers: `<provider>_<failure>`

Each provider that is read over HTTP has these, with its id in front: `openai_rate_limited`, `anthropic_refused`.

| code | what happened | retryable | what to do |
|---|---|---|---|
"""
_HEAD = """
## {topic}

| code | what happened | retryable | what to do |
|---|---|---|---|
"""


def page() -> str:
    """Page docs/errors.md as Markdown."""
    return _INTRODUCTION + "".join(_sections())


def _sections() -> Iterator[str]:
    for topic in Topic:
        yield _HEAD.format(topic=topic)
        yield from (_row(f"`{code}`", code) for code in Code if code.topic is topic)
    yield _FAMILY
    yield from (_row(f"`<provider>_{failure}`", failure) for failure in ProviderFailure)


def _row(name: str, code: Code | ProviderFailure) -> str:
    retryable = {True: "yes", False: "no", None: "it differs"}[code.retryable]
    return f"| {name} | {code.meaning} | {retryable} | {code.remedy} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"docs/errors.md: {len(Code)} codes, {len(ProviderFailure)} of each provider\n")
