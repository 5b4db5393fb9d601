"""`/organizations/{org}/webhook`: where events of an org are posted to, which ones, and the signing secret."""

import json
from dataclasses import dataclass
from typing import Annotated

from flask import Response, request
from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.notify.deliveries import Deliveries
from cloudact.notify.event_log import Delivery, EventLog
from cloudact.notify.notifications import CHOOSABLE, ping
from cloudact.notify.signing import Signing
from cloudact.notify.webhook_posts import Outbox
from cloudact.notify.webhooks import Webhook, Webhooks
from functions.auth.authenticate import Actor, Authentication, let_in, presented
from functions.orgs.readable import wait_until
from functions.orgs.redirects import redirects
from functions.orgs.webhook_urls import LONGEST, PATTERN, webhook_url
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Flag, Input, in_body
from functions.web.parameters import no_input, no_query
from functions.web.probes import Probes
from functions.web.problems import Problem, bad_field


def _events(value: object, info: ValidationInfo) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or any(word not in CHOOSABLE for word in map(_word, value)):
        raise bad_field(info.field_name, f"must be a list of {', '.join(CHOOSABLE)}")
    return tuple(event for event in CHOOSABLE if event in value)


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_EVENTS_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "array", "items": {"type": "string", "enum": list(CHOOSABLE)}, "minItems": 1},
            {"type": "null"},
        ]
    }
)
_URL_SCHEMA = WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": LONGEST})


class WebhookBody(Input):
    """Where to post events, and which."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[object, _URL_SCHEMA] = Field(
        description="https, a public host name", examples=["https://example.com/cloudact"]
    )
    events: Annotated[tuple[str, ...] | None, BeforeValidator(_events), _EVENTS_SCHEMA] = Field(
        default=None, description="default: all"
    )
    rotate_secret: Flag = Field(default=False, description="sign with a new secret from now on")


class WebhookState(Answer):
    """The webhook; `url` is null where there is none."""

    org_slug: str = Field(examples=["acmecorp"])
    url: str | None
    events: list[str]
    updated_at: Instant | None
    signing_secret: str = Field(default="", description="what to verify with; left out where it is only looked at")


class Ping(Answer):
    """A test event that is on its way."""

    id: str
    type: str = Field(examples=["ping"])
    deduplicated: bool = Field(description="true where one was sent in the same ten seconds")
    message: str


@dataclass(frozen=True)
class OrgWebhooks:
    """The collaborators of the endpoints of webhooks. `outbox` is `None` where the deployment sends no events.

    `allow_http` lets addresses of this machine be set, for the local cloud. `probes` look for redirects.
    """

    auth: Authentication
    webhooks: Webhooks
    signing: Signing
    outbox: Outbox | None
    clock: Clock
    allow_http: bool
    probes: Probes
    deliveries: Deliveries
    events: EventLog


def show_webhook(room: OrgWebhooks, org: str) -> Response:
    """200 with address and events, for every member. The secret is shown by `put_webhook` only."""
    credential = presented(room.auth, org)
    no_query(request)
    let_in(room.auth, org, credential)
    return answered(webhook_state(room, org))


def webhook_state(room: OrgWebhooks, org: str) -> WebhookState:
    """Address and events of the org's webhook, without the secret."""
    return _state(org, room.webhooks.find(org))


def put_webhook(room: OrgWebhooks, org: str) -> Response:
    """200 with the webhook and its secret, also where the same was set before."""
    credential = presented(room.auth, org)
    no_query(request)
    body = in_body(request, WebhookBody)
    try:
        url = webhook_url(body.url, allow_http=room.allow_http)
    except ValueError as err:
        raise _bad_url(str(err)) from err
    let_in(room.auth, org, credential).require_admin()
    _outbox(room)
    before = room.webhooks.find(org)
    events = body.events or CHOOSABLE
    same = before is not None and (before.url, before.events) == (url, events) and not body.rotate_secret
    if (before is None or before.url != url) and redirects(url, room.probes, allow_http=room.allow_http):
        raise _bad_url("answers with a redirect; set the address that it leads to")
    webhook = before if before and same else _put(room, org, url, events, body)
    secret = room.signing.secret(org, webhook.key_version)
    return answered(_state(org, webhook, signing_secret=secret))


def _bad_url(why: str) -> Problem:
    return Problem(400, f"url {why}.", code=Code.WEBHOOK_URL_INVALID, field="url")


def _put(room: OrgWebhooks, org: str, url: str, events: tuple[str, ...], body: WebhookBody) -> Webhook:
    new = room.webhooks.put(org, url, events, new_key=body.rotate_secret)
    wait_until(lambda: room.webhooks.shows(new))
    return new


def delete_webhook(room: OrgWebhooks, org: str) -> Response:
    """200 after the webhook is removed, also where there was none. Its secret is never used again."""
    credential = presented(room.auth, org)
    no_input(request)
    return delete_requested(room, let_in(room.auth, org, credential))


def delete_requested(room: OrgWebhooks, actor: Actor) -> Response:
    """200 as `delete_webhook`, for a caller who was let in."""
    actor.require_admin()
    org = actor.org_slug
    if ended := room.webhooks.remove(org):
        wait_until(lambda: room.webhooks.shows(ended))
    return answered(_state(org, None))


def test_webhook(room: OrgWebhooks, org: str) -> Response:
    """202 after a `ping` is enqueued, signed like any event; at most one in ten seconds per org."""
    credential = presented(room.auth, org)
    no_input(request)
    let_in(room.auth, org, credential)
    return ping_requested(room, org)


def ping_requested(room: OrgWebhooks, org: str) -> Response:
    """202 as `test_webhook`, for a caller who was let in."""
    outbox, webhook, now = _outbox(room), room.webhooks.find(org), room.clock()
    if webhook is None or webhook.url is None:
        raise Problem(404, "No webhook is set up for this organization.", code=Code.WEBHOOK_MISSING)
    window = int(now.timestamp()) // 10
    event = outbox.own(ping(org, f"{webhook.updated_at.isoformat()}/{window}", now))
    new = outbox.put(webhook, event)
    room.events.told(event, Delivery.QUEUED)
    message = "A test event is on its way." if new else "A test event was sent within these ten seconds."
    return answered(Ping(id=event.id, type=event.event.value, deduplicated=not new, message=message), 202)


def _outbox(room: OrgWebhooks) -> Outbox:
    if room.outbox is None:
        raise Problem(409, "Webhooks are not available in this deployment.", code=Code.WEBHOOKS_UNAVAILABLE)
    return room.outbox


def _state(org: str, webhook: Webhook | None, **secret: str) -> WebhookState:
    if webhook is None or webhook.url is None:
        return WebhookState(org_slug=org, url=None, events=[], updated_at=None)
    return WebhookState(
        org_slug=org, url=webhook.url, events=[*webhook.events], updated_at=webhook.updated_at, **secret
    )
