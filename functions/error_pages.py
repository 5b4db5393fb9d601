"""GET /errors/{code}: what a code means and what to do; the page that the `type` of a problem document names."""

from flask import Response

from cloudact.error_codes import Code, ProviderFailure, provider_code
from functions.web.answers import ErrorPage, answered
from functions.web.problems import Problem
from providers.provider import Provider


def show_error(providers: tuple[Provider, ...], code: str) -> Response:
    """200 with the meaning of the code, or 404 where this version knows none of that name."""
    known: dict[str, Code | ProviderFailure] = {
        provider_code(provider.id, failure): failure for provider in providers for failure in ProviderFailure
    }
    found = known.get(code) or next((each for each in Code if each == code), None)
    if found is None:
        raise Problem(404, f"Unknown error code: {code[:64]}", code=Code.CODE_UNKNOWN)
    page = ErrorPage(code=code, retryable=found.retryable, meaning=found.meaning, remedy=found.remedy)
    return answered(page, headers={"Cache-Control": "public, max-age=300"})
