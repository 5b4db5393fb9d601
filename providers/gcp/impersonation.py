"""Access tokens of customers' service accounts, by IAM Credentials' generateAccessToken.

This process becomes the installation's reader, the reader becomes the account: two steps and not one with a delegate,
so that the step which is refused says whose grant is missing. google-auth calls every failure a refused credential,
and asks once; here what passes is `Retry`, and what a person must change is `Stop` with what to do.
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.auth.credentials import AnonymousCredentials, Credentials, TokenState
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.impersonated_credentials import Credentials as Impersonated

from cloudact.error_codes import Code
from cloudact.errors import CONTACT_SUPPORT, Retry, RunError, Stop
from providers.gcp.keyless import SOON, KeylessAccount, may_act

if TYPE_CHECKING:
    from google.auth.transport import Request

LIFETIME_S = 900  # renewed while a run goes on
IAM_SCOPES = ("https://www.googleapis.com/auth/iam",)
WHERE = "{}/v1/projects/-/serviceAccounts/{}:generateAccessToken"


def act_as(account: str, scopes: Sequence[str], *, reader: str, own: Credentials, endpoint: str) -> Credentials:
    """Credentials of `account` for `scopes`, by way of `reader`, whom `own` may act as. Makes no call yet."""

    def acted_as(kind: "type[_ActedAs]", source: Credentials, email: str, scopes: Sequence[str]) -> "_ActedAs":
        return kind(source, email, [*scopes], lifetime=LIFETIME_S, iam_endpoint_override=WHERE.format(endpoint, email))

    return acted_as(_Account, acted_as(_Reader, own, reader, IAM_SCOPES), account, scopes)


class Nobody(AnonymousCredentials):  # type: ignore[misc, unused-ignore]
    """No credential, for a stand-in that asks its processes for none."""

    @property
    def token_state(self) -> TokenState:
        """FRESH, since there is no token to be renewed."""
        return TokenState.FRESH


@dataclass(frozen=True)
class _Refusal:
    """IAM's answer to a refused request; its status is 0 where it cannot be read."""

    status: int
    reason: str
    message: str

    @property
    def passing(self) -> bool:
        """Whether the next try may succeed; a 401 is about our own token, which is renewed then."""
        return self.status >= 500 or self.status in (0, 401, 429)


class _ActedAs(Impersonated):  # type: ignore[misc, unused-ignore]
    """Asks no more than a token: the library would look up the account's regional access boundary too."""

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False

    def _perform_refresh_token(self, request: "Request") -> None:
        try:
            super()._perform_refresh_token(request)  # type: ignore[no-untyped-call]
        except (RefreshError, TransportError) as err:  # BigQuery's client would ask for ten minutes where none answers
            refusal = _read(err)
        else:
            return
        # Not `from err`: an answer that the library cannot read is in it as it came, with its token.
        if refusal.passing:
            raise Retry(
                Code.IAM_UNAVAILABLE, "Google's IAM could not be reached or is overloaded.", "It is tried again."
            )
        raise self._error(refusal)

    def _error(self, refusal: _Refusal) -> RunError:
        raise NotImplementedError


class _Reader(_ActedAs):
    """The installation's reader; that we may not act as it is ours to mend."""

    def _error(self, refusal: _Refusal) -> RunError:
        message = f"IAM does not let us act as our own reader: {refusal.message}"
        return Stop(Code.MISCONFIGURED, message, CONTACT_SUPPORT)


class _Account(_ActedAs):
    """The customer's service account."""

    def _error(self, refusal: _Refusal) -> RunError:
        account, reader = self._target_principal, self._source_credentials.service_account_email
        known = KeylessAccount(service_account=account)
        grant = shlex.join(may_act(known, reader))
        if refusal.status == 404:
            hint = f"Make it again, grant it what it had, and set up the integration again. {SOON}"
            return Stop(Code.CREDENTIAL_REJECTED, f"The service account {account} does not exist.", hint)
        if refusal.reason == "SERVICE_DISABLED":
            hint = f"Run: `gcloud services enable iamcredentials.googleapis.com --project={known.project_id}`. {SOON}"
            return Stop(Code.PERMISSION_DENIED, refusal.message, hint)
        if refusal.status == 403:
            message = f"Our reader may not act as {account}: {refusal.message}"
            return Stop(Code.PERMISSION_DENIED, message, f"Run: `{grant}`. {SOON}")
        message = f"IAM gives us no token of {account}: {refusal.message}"
        return Stop(Code.PERMISSION_DENIED, message, "See Google's reason; is the service account enabled?")


def _read(err: GoogleAuthError) -> _Refusal:
    """Reads Google's error body, the second argument of the error; there is none where a proxy answered, or nobody."""
    try:
        error = json.loads(err.args[1])["error"]
        reasons = [detail["reason"] for detail in error.get("details", ()) if "reason" in detail]
        return _Refusal(int(error["code"]), "".join(reasons[:1]), str(error["message"])[:500])
    except (IndexError, KeyError, TypeError, ValueError):
        return _Refusal(0, "", "")
