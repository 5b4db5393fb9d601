"""Collaborators of the pages of the console."""

from dataclasses import dataclass

from cloudact.clock import Clock
from functions.auth.authenticate import Authentication
from functions.console.identity import IdentityProvider
from functions.console.rows import ConsoleRows
from functions.console.signed import Signer
from functions.costs.collaborators import OrgCosts
from functions.orgs.api_keys import OrgKeys
from functions.orgs.integrations import OrgIntegrations
from functions.orgs.member_endpoints import OrgPeople
from functions.orgs.timeline import OrgTimeline
from functions.orgs.webhooks import OrgWebhooks
from functions.runs.collaborators import Runs


@dataclass(frozen=True)
class Console:
    """Collaborators of every page: those of the endpoints that show the same, and what signs people in.

    `identity` is `None` where nobody but keys can sign in; `demo_user` is whom one click signs in, empty but locally.
    """

    auth: Authentication
    runs: Runs
    integrations: OrgIntegrations
    keys: OrgKeys
    people: OrgPeople
    timeline: OrgTimeline
    webhooks: OrgWebhooks
    costs: OrgCosts
    rows: ConsoleRows
    signer: Signer
    identity: IdentityProvider | None
    demo_user: str
    clock: Clock
