"""Errors of a customer's BigQuery, in words with which the customer can mend them."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.google_errors import error_reasons, translating_google_errors

ROLES = (
    "Grant the service account BigQuery Job User (bigquery.jobs.create) on the project "
    "and BigQuery Data Viewer on the billing export's dataset. A grant takes Google some minutes to know."
)
SET_UP = "Check that the billing export is set up, and name its table in the integration."


@contextmanager
def translating_source_errors(source: str) -> Iterator[None]:
    """Turns Google's refusals about `source` into `Stop` with a hint, and passing trouble into `Retry`.

    `credential_rejected` is the code of a refused credential: no later run can succeed with it.
    """
    from google.api_core import exceptions as google
    from google.auth.exceptions import RefreshError

    try:
        with translating_google_errors("The customer's BigQuery", ours=False):
            yield
    except RefreshError as err:
        why = "Google does not accept the service account key: it was deleted, disabled or is not a key."
        raise Stop(Code.CREDENTIAL_REJECTED, why, "Create a new key and set up the integration again.") from err
    except google.Unauthorized as err:
        why = "Google does not accept the service account: it was deleted or disabled."
        raise Stop(
            Code.CREDENTIAL_REJECTED, why, "Enable it again or make another, and set up the integration."
        ) from err
    except google.Forbidden as err:
        if error_reasons(err) - {"accessDenied"}:  # a quota, or a project without billing
            raise _refused(source, err) from err
        raise Stop(Code.PERMISSION_DENIED, _plain(err), ROLES) from err
    except google.NotFound as err:
        raise Stop(Code.SOURCE_NOT_FOUND, f"{source} does not exist or cannot be seen: {_plain(err)}", SET_UP) from err
    except google.GoogleAPICallError as err:
        raise _refused(source, err) from err


def _refused(source: str, err: Exception) -> Stop:
    if "bytesBilledLimitExceeded" in error_reasons(err):
        hint = "The export is larger than expected for one day; please contact support to raise the limit."
        return Stop(Code.QUERY_TOO_LARGE, f"Reading one day of {source} would bill more than is allowed.", hint)
    hint = "See Google's reason; if it does not help, please contact support."
    return Stop(Code.SOURCE_QUERY_FAILED, f"The query on {source} was refused: {_plain(err)}", hint)


def _plain(err: Exception) -> str:
    """Google's own sentence, without the client's prefix of method and address."""
    errors = getattr(err, "errors", None) or []
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    return str(first.get("message") or getattr(err, "message", err))[:500]
