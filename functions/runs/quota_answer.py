"""GET /organizations/{org}/quota: the runs that are left of the UTC day."""

from flask import Response, request

from cloudact.clock import next_midnight
from functions.auth.authenticate import let_in, presented
from functions.runs.collaborators import Runs
from functions.web.answers import Quota, answered
from functions.web.parameters import no_query


def show_quota(api: Runs, org: str) -> Response:
    """200 with the runs that people and keys have requested today, and those left; by plan, suspended or not."""
    credential = presented(api.auth, org)
    no_query(request)
    let_in(api.auth, org, credential)
    now = api.clock()
    subscription, used = api.admissions.quota(org, now.date())
    limit = subscription.daily_limit if subscription else 0
    quota = Quota(
        org_slug=org,
        plan=subscription.plan if subscription else None,
        subscription_status=subscription.status if subscription else "NONE",
        usage_date=now.date(),
        pipelines_today=used,
        daily_limit=limit,
        remaining=max(limit - used, 0),
        resets_at=next_midnight(now),
    )
    return answered(quota)
