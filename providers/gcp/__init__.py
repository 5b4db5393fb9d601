"""Google Cloud: its billing export, read in the customer's project with the customer's own service account."""

from typing import TYPE_CHECKING

from cloudact.orgs.org import Onboarded
from cloudact.redaction import RANDOM, KeyForms
from providers.gcp.settings import GcpSettings
from providers.gcp.steps import STEPS
from providers.provider import KEY_FILE, KEYLESS, CheckContext, Credential, Proof, Provider
from providers.settings import IntegrationSettings

if TYPE_CHECKING:
    from providers.source import Source, SourceContext


def _read(context: CheckContext, text: str) -> Credential:
    from providers.gcp.check import read

    return read(context, text)


def _check(context: CheckContext, org: Onboarded, plaintext: bytes, settings: IntegrationSettings) -> Proof:
    from providers.gcp.check import prove

    return prove(context, org, plaintext, settings)


def _open_source(context: "SourceContext") -> "Source":
    from providers.gcp.source import open_source

    return open_source(context)


PROVIDER = Provider(
    id="gcp",
    integration="GCP_SA",
    name="Google Cloud",
    steps=STEPS,
    settings=GcpSettings,
    read_credential=_read,
    check=_check,
    open_source=_open_source,
    secret_patterns=KeyForms(
        keys=(
            r"AIza[\w-]{35,}",  # API key
            rf"ya29\.{RANDOM}[\w.-]{{20,}}",  # access token
            r"GOCSPX-[\w-]{28,}",  # client secret: too short to be told from words by chance; no name begins so
            rf"1//0{RANDOM}[\w-]{{30,}}",  # refresh token
        ),
        marks=("AIza", "ya29.", "GOCSPX-", "1//0"),
    ),
    key_beginnings={"AIza": "a key of Google", "ya29.": "an access token of Google"},
    takes=(KEY_FILE, KEYLESS),
    credential_help="the service account key, as JSON object or text, or `{type: keyless, service_account}`",
)
