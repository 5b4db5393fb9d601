#!/usr/bin/env bash
# Asks deployed functions, without changing anything, whether they work: the API without a key, and `ops` as an operator,
# as a stranger and as a forger.
#
#   infra/smoke.sh API_URL [OPS_URL [no-check|iam]]
#
# The last argument is OPS_INVOKER of the settings. With OPS_URL, CLOUDACT_OPS_TOKEN holds an operator's identity token.
# Each check is tried again for about a minute (SMOKE_ATTEMPTS, SMOKE_PAUSE_S), since a new revision takes a while.
# Exits 0 if all hold, 1 with a sentence for each that does not, 2 if called wrongly. Needs curl.
set -euo pipefail

main() {
  if (($# < 1 || $# > 3)) || [[ $1 != http?(s)://* || ${2:-http://} != http?(s)://* || ${3:-iam} != @(iam|no-check) ]]; then
    echo "usage: infra/smoke.sh API_URL [OPS_URL [no-check|iam]]" >&2
    exit 2
  fi
  if (($# > 1)) && [[ ${CLOUDACT_OPS_TOKEN:-} != *.*.* ]]; then
    echo "infra/smoke.sh: CLOUDACT_OPS_TOKEN must hold an operator's identity token for $2" >&2
    exit 2
  fi
  ask_api "$1"
  if (($# > 1)); then ask_ops "$2" "${3:-no-check}"; fi
  if ((failed)); then
    echo "smoke test: $failed of $checked checks failed" >&2
    exit 1
  fi
  echo "smoke test: $checked checks passed"
}

ask_api() {
  check "$1" /health 200 application/json '"status":"ok"'
  check "$1" /health/ready 200 application/json '"status":"ok"'
  check "$1" /api/v1/validator/pipelines 200 application/json '"id":"gcp_billing"'
  check "$1" /openapi.json 200 application/json '"openapi":"3.1'
  check "$1" /api/v1/pipelines/runs 401 application/problem+json '"detail":"X-API-Key header is required"'
  check "$1" /api/v1/nothing-here 404 application/problem+json '"status":404'
}

# The forger's token has all that the operator's has but the signature, as Cloud Run passes tokens on that it has checked.
# With iam Cloud Run itself refuses, in words of its own.
ask_ops() {
  local operator=$CLOUDACT_OPS_TOKEN forger=${CLOUDACT_OPS_TOKEN%.*}.SIGNATURE_REMOVED_BY_GOOGLE
  check_as "an operator" "$operator" "$1" /ops/caller 200 application/json '"caller":"'
  if [[ $2 == iam ]]; then
    check_as "a stranger" "" "$1" /ops/caller 403 '' ''
    check_as "a forger" "$forger" "$1" /ops/caller '401|403' '' ''
  else
    check_as "a stranger" "" "$1" /ops/caller 401 application/problem+json '"status":401'
    check_as "a forger" "$forger" "$1" /ops/caller 401 application/problem+json '"status":401'
  fi
}

checked=0
failed=0

# check BASE PATH STATUS TYPE TEXT: as nobody.
check() {
  check_as "" "" "$@"
}

# check_as WHO TOKEN BASE PATH STATUS TYPE TEXT: the answer has this status and type, and holds this text once spaces are gone.
check_as() {
  local who=${1:+ as $1} attempt wrong
  shift
  checked=$((checked + 1))
  for ((attempt = 1; attempt <= ${SMOKE_ATTEMPTS:-12}; attempt++)); do
    if wrong=$(differs "$@"); then
      echo "ok      $3$who $4"
      return
    fi
    ((attempt == ${SMOKE_ATTEMPTS:-12})) || sleep "${SMOKE_PAUSE_S:-5}"
  done
  failed=$((failed + 1))
  echo "FAILED  $3$who $wrong" >&2
}

# differs TOKEN BASE PATH STATUS TYPE TEXT: says what is wrong with the answer; fails then. No token is seen in a list of processes.
differs() {
  local answer body status type
  answer=$(curl --silent --show-error --max-time 15 --write-out '\n%{http_code} %{content_type}' \
    --header @<(printf '%s' "${1:+Authorization: Bearer $1}") "${2%/}$3" 2>&1) || {
    echo "cannot be reached: $(grep -m 1 '^curl:' <<<"$answer")"
    return 1
  }
  body=${answer%$'\n'*}
  body=${body//$'\n'/ }
  read -r status type <<<"${answer##*$'\n'}"
  if [[ ! $status =~ ^($4)$ ]]; then
    echo "answers $status, not ${4/|/ or }: ${body:0:300}"
  elif [[ -n $5 && ${type%%;*} != "$5" ]]; then
    echo "is ${type:-without a type}, not $5"
  elif ! tr -d ' ' <<<"$body" | grep -cF -- "${6// /}" >/dev/null; then # reads to the end, unlike -q
    echo "does not hold $6: ${body:0:300}"
  else
    return 0
  fi
  return 1
}

main "$@"
