"""IAM Credentials: generateAccessToken for service accounts that let the caller act as them.

Who may act as whom is told by a local control, since nothing here sets policies. Messages, their field numbers and
the path are those of google/iam/credentials/v1; no client of it is installed to read them from.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import proto
from google.protobuf import duration_pb2, timestamp_pb2
from pydantic import BaseModel, ConfigDict

from localcloud.google_apis.clock import Clock, utc_now
from localcloud.google_apis.identity import TokenIssuer
from localcloud.google_apis.rest.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated, error_info
from localcloud.whole_files import write_whole

ANONYMOUS = "anonymous"  # who comes without a credential: the deployment's own processes
LONGEST = timedelta(hours=1)
SCOPE = "https://www.googleapis.com/auth/"
MAY_ASK = {f"{SCOPE}cloud-platform", f"{SCOPE}iam"}
PERMISSION = "iam.serviceAccounts.getAccessToken"
SERVICE = "iamcredentials.googleapis.com"
API_DISABLED = (
    "IAM Service Account Credentials API has not been used in project 889403714106 before or it is disabled. Enable it "
    f"by visiting https://console.developers.google.com/apis/api/{SERVICE}/overview?project=889403714106 then retry."
)


class GenerateAccessTokenRequest(proto.Message):  # type: ignore[misc, unused-ignore]
    """As in google/iam/credentials/v1/common.proto."""

    name = proto.Field(proto.STRING, number=1)
    delegates = proto.RepeatedField(proto.STRING, number=2)
    scope = proto.RepeatedField(proto.STRING, number=4)
    lifetime = proto.Field(proto.MESSAGE, number=7, message=duration_pb2.Duration)


class GenerateAccessTokenResponse(proto.Message):  # type: ignore[misc, unused-ignore]
    """The same."""

    access_token = proto.Field(proto.STRING, number=1)
    expire_time = proto.Field(proto.MESSAGE, number=3, message=timestamp_pb2.Timestamp)


class IamCredentialsRestTransport:
    """The one route, in the shape of the clients' own transports (`rest.routes`)."""

    class _GenerateAccessToken:
        @staticmethod
        def _get_http_options() -> list[dict[str, str]]:
            uri = "/v1/{name=projects/*/serviceAccounts/*}:generateAccessToken"
            return [{"method": "post", "uri": uri, "body": "*"}]

        def __call__(self, request: GenerateAccessTokenRequest) -> GenerateAccessTokenResponse:
            raise NotImplementedError


class Account(BaseModel):
    """What `/local/impersonation` is told of a service account; `api_disabled` is of the project it is in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service_account: str
    token_creators: tuple[str, ...] = ()
    api_disabled: bool = False


class IamCredentials:
    """Accounts are kept in the state dir. A token's time is this machine's: Google's clients judge it by that."""

    def __init__(self, state_dir: Path, issuer: TokenIssuer, clock: Clock = utc_now) -> None:
        self._file = state_dir / "impersonation.json"
        self._issuer = issuer
        self._clock = clock
        self._scopes: dict[str, set[str]] = {}  # of the tokens given out

    def put(self, body: bytes) -> dict[str, Any]:
        """POST /local/impersonation: makes the account, or replaces what it grants."""
        account = Account.model_validate_json(body)
        self._save(self._known() | {account.service_account: account})
        return account.model_dump()

    def remove(self, body: bytes) -> dict[str, Any]:
        """DELETE /local/impersonation `{service_account}`: as when the account is deleted."""
        email = str(json.loads(body)["service_account"])
        self._save({name: account for name, account in self._known().items() if name != email})
        return {"service_account": email}

    def generate_access_token(
        self, request: GenerateAccessTokenRequest, headers: Message
    ) -> GenerateAccessTokenResponse:
        """GenerateAccessToken, each of the delegates acting as the next."""
        caller, chain = self._caller(headers), [*request.delegates, request.name]
        _check_scopes(request.scope)
        expires = self._clock().replace(microsecond=0) + _lifetime(request)
        for step in chain:
            caller = self._acted_as(caller, step)
        token = self._issuer.access_token(caller)
        self._scopes[token] = set(request.scope)
        return GenerateAccessTokenResponse(access_token=token, expire_time=expires)

    def _caller(self, headers: Message) -> str:
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return ANONYMOUS
        if token not in self._scopes:
            raise Unauthenticated("Request had invalid authentication credentials.")
        if not self._scopes[token] & MAY_ASK:
            details = error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service=SERVICE)
            raise PermissionDenied("Request had insufficient authentication scopes.", details)
        return token.removeprefix(self._issuer.access_token(""))

    def _acted_as(self, caller: str, name: str) -> str:
        email = name.rpartition("/")[2]
        account = self._known().get(email)
        if account is None:
            raise NotFound(f"Not found; Gaia id not found for email {email}")
        if account.api_disabled:
            raise PermissionDenied(API_DISABLED, error_info("SERVICE_DISABLED", "googleapis.com", service=SERVICE))
        if caller not in account.token_creators:
            details = error_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=PERMISSION)
            raise PermissionDenied(f"Permission '{PERMISSION}' denied on resource (or it may not exist).", details)
        return email

    def _known(self) -> dict[str, Account]:
        kept = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else []
        return {account.service_account: account for account in map(Account.model_validate, kept)}

    def _save(self, accounts: dict[str, Account]) -> None:
        write_whole(self._file, json.dumps([account.model_dump() for account in accounts.values()]).encode())


def _check_scopes(scopes: Sequence[str]) -> None:
    if not scopes or not all(scope.startswith(SCOPE) for scope in scopes):
        raise InvalidArgument("Request contains an invalid argument.")


def _lifetime(request: GenerateAccessTokenRequest) -> timedelta:
    """An hour where none is asked for, and at most; longer needs an exception of the organization's."""
    lifetime: timedelta = request.lifetime if "lifetime" in request else LONGEST
    if not timedelta(0) < lifetime <= LONGEST:
        raise InvalidArgument("Request contains an invalid argument.")
    return lifetime
