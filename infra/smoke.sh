#!/usr/bin/env bash
# Asks a deployed API, without a key and without changing anything, whether it works.
#
#   infra/smoke.sh API_URL [OPS_URL]
#
# Each check is tried again for about a minute (SMOKE_ATTEMPTS, SMOKE_PAUSE_S), since a new revision takes a while.
# Exits 0 if all hold, 1 with a sentence for each that does not, 2 if called wrongly. Needs curl.
set -euo pipefail

main() {
  if (($# < 1 || $# > 2)) || [[ $1 != http?(s)://* || ${2:-http://} != http?(s)://* ]]; then
    echo "usage: infra/smoke.sh API_URL [OPS_URL]" >&2
    exit 2
  fi
  check "$1" /health 200 application/json '"status":"ok"'
  check "$1" /health/ready 200 application/json '"status":"ok"'
  check "$1" /api/v1/validator/pipelines 200 application/json '"id":"gcp_billing"'
  check "$1" /openapi.json 200 application/json '"openapi":"3.1'
  check "$1" /api/v1/pipelines/runs 401 application/problem+json '"detail":"X-API-Key header is required"'
  check "$1" /api/v1/nothing-here 404 application/problem+json '"status":404'
  if (($# == 2)); then # Cloud Run itself turns strangers away; what it says is its own
    check "$2" /health 403 '' ''
  fi
  if ((failed)); then
    echo "smoke test: $failed of $checked checks failed" >&2
    exit 1
  fi
  echo "smoke test: $checked checks passed"
}

checked=0
failed=0

# BASE PATH STATUS TYPE TEXT: the answer has this status and type, and holds this text once spaces are gone.
check() {
  local attempt wrong
  checked=$((checked + 1))
  for ((attempt = 1; attempt <= ${SMOKE_ATTEMPTS:-12}; attempt++)); do
    if wrong=$(differs "$@"); then
      echo "ok      $2 $3"
      return
    fi
    ((attempt == ${SMOKE_ATTEMPTS:-12})) || sleep "${SMOKE_PAUSE_S:-5}"
  done
  failed=$((failed + 1))
  echo "FAILED  $2 $wrong" >&2
}

# Says what is wrong with the answer; fails then.
differs() {
  local answer body status type
  answer=$(curl --silent --show-error --max-time 15 --write-out '\n%{http_code} %{content_type}' "${1%/}$2" 2>&1) || {
    echo "cannot be reached: $(grep -m 1 '^curl:' <<<"$answer")"
    return 1
  }
  body=${answer%$'\n'*}
  body=${body//$'\n'/ }
  read -r status type <<<"${answer##*$'\n'}"
  if [[ $status != "$3" ]]; then
    echo "answers $status, not $3: ${body:0:300}"
  elif [[ -n $4 && ${type%%;*} != "$4" ]]; then
    echo "is ${type:-without a type}, not $4"
  elif ! tr -d ' ' <<<"$body" | grep -cF -- "${5// /}" >/dev/null; then # reads to the end, unlike -q
    echo "does not hold $5: ${body:0:300}"
  else
    return 0
  fi
  return 1
}

main "$@"
