#!/usr/bin/env bash
# Makes Cloud Scheduler call the function ops: /ops/daily once a day, /ops/sweep every few minutes, as the service account
# scheduler. infra/deploy.sh comes first.
#
#   infra/schedule.sh [--settings FILE] [--dry-run]
#
# May be repeated: it looks first and changes what differs. Exits 0 if both are scheduled, 1 at the first step that fails,
# 2 if called wrongly or with unusable settings.

. "$(dirname "${BASH_SOURCE[0]}")/bash/begin.sh"
. infra/bash/cloud_run.sh

schedule() {
  OPS_URL=$(url_of "$OPS_SERVICE")
  if ((DRY_RUN)) && [[ -z $OPS_URL ]]; then OPS_URL=https://URL-OF-$OPS_SERVICE; fi
  [[ -n $OPS_URL ]] || die "The function $OPS_SERVICE is not deployed; infra/deploy.sh does that."
  SCHEDULED=$(look gcloud scheduler jobs list --location="$REGION" --format=json)
  # Who calls again is answered the same, so a call whose answer was lost is repeated.
  schedule_call cloudact-daily "$DAILY_SCHEDULE" /ops/daily "$OPS_TIMEOUT_S" 3 60s
  # The next one comes in minutes; one that takes longer than that would only meet it.
  schedule_call cloudact-sweep "$SWEEP_SCHEDULE" /ops/sweep 280 1 10s
}

# schedule_call NAME SCHEDULE PATH DEADLINE_S RETRIES MIN_BACKOFF
schedule_call() {
  local call=(--location="$REGION" --schedule="$2" --time-zone=Etc/UTC --uri="$OPS_URL$3" --http-method=POST
    --message-body='{}' --oidc-service-account-email="$(email scheduler)" --oidc-token-audience="$OPS_URL"
    --attempt-deadline="$4s" --max-retry-attempts="$5" --min-backoff="$6")
  local held wanted
  wanted="$2|Etc/UTC|$OPS_URL$3|POST|$(email scheduler)|$OPS_URL|$4s|$5|$6"
  held=$(held_call "$1")
  if [[ -z $held ]]; then
    change "scheduled $3 at $2" gcloud scheduler jobs create http "$1" "${call[@]}" --headers=Content-Type=application/json
  elif [[ $held != "$wanted" ]]; then
    change "rescheduled $3 at $2" gcloud scheduler jobs update http "$1" "${call[@]}" \
      --update-headers=Content-Type=application/json
  fi
}

# held_call NAME: what Cloud Scheduler holds, in the order of what is wanted.
held_call() {
  pick "$SCHEDULED" --arg name "/jobs/$1" '.[]? | select(.name | endswith($name)) | [.schedule, .timeZone, .httpTarget.uri,
    .httpTarget.httpMethod, .httpTarget.oidcToken.serviceAccountEmail, .httpTarget.oidcToken.audience,
    .attemptDeadline, (.retryConfig.retryCount // 0), .retryConfig.minBackoffDuration] | join("|")'
}

schedule
summarize
