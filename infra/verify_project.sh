#!/usr/bin/env bash
# Asks a deployed project what no document tells for certain, one line an answer: ok, differs, or not told. It costs
# nothing, but for one query of the service's own tables at the least price; a scratch job is made, never run, and deleted.
#
#   infra/verify_project.sh [--settings FILE] [--dry-run]
#
# docs/operations.md, "The first hour on a real project", says what to do where something differs. Whoever runs it is an
# owner and in OPERATORS. --dry-run prints the commands. Exits 0 if nothing differs, 1 if something does, 2 if called
# wrongly or with unusable settings.

. "$(dirname "${BASH_SOURCE[0]}")/bash/begin.sh"

SCRATCH_JOB=${PREFIX}verify
DIFFERING=0
touch "$SCRATCH/seen" "$SCRATCH/errors"
exec 3>&1 # what a dry run prints, also where an answer is caught

verify() {
  check_parallelism
  check_runner
  check_roles
  check_quotas
  check_query_quotas
  check_partitions
  check_ops
  check_paths
  ((DRY_RUN)) || say "$SCRIPT: $DIFFERING answers differ in $PROJECT."
  ((DIFFERING == 0))
}

# asked COMMAND…: whether it succeeds; what it prints and its errors are kept. A dry run prints it, and is told nothing.
asked() {
  if ((DRY_RUN)); then
    printf '%s\n' "$(quoted "$@")" >&3
    return 1
  fi
  "$@" >"$SCRATCH/seen" 2>"$SCRATCH/errors" </dev/null
}

tell() {
  if ((DRY_RUN)); then return; fi
  if [[ $1 == differs ]]; then DIFFERING=$((DIFFERING + 1)); fi
  printf '%-9s %s\n' "$1" "$2"
}

# not_told WHAT: since the question itself failed; the first line of why.
not_told() {
  tell "not told" "$1: $(cat "$SCRATCH/errors" "$SCRATCH/seen" | grep -m 1 . || echo "no answer")"
}

# Google's documents forbid more parallelism than tasks; nothing here needs it, whichever way it is.
check_parallelism() {
  local what="a job with more parallelism than tasks"
  if asked gcloud run jobs deploy "$SCRATCH_JOB" --region="$REGION" --image=us-docker.pkg.dev/cloudrun/container/job \
    --tasks=1 --parallelism=10; then
    tell differs "$what is accepted, unlike in Google's documents"
  elif is_told 'parallelism'; then
    tell ok "$what is refused"
  else
    not_told "$what"
  fi
  asked gcloud run jobs delete "$SCRATCH_JOB" --region="$REGION" --quiet || true
}

check_runner() {
  local what="the parallelism of $RUNNER_JOB"
  if ! asked gcloud run jobs describe "$RUNNER_JOB" --region="$REGION" --format=json; then
    not_told "$what"
  elif jq -e '.spec.template.spec | (.parallelism // 0) == 0' "$SCRATCH/seen" >/dev/null; then
    tell ok "$what is not bound, so executions may have any number of tasks"
  else
    tell differs "$what is $(jq .spec.template.spec.parallelism "$SCRATCH/seen"); executions with fewer tasks may be refused"
  fi
}

# has ROLE PERMISSION…: Google may change what its own roles hold.
has() {
  local role=$1 permission lacks=()
  shift
  if ! asked gcloud iam roles describe "$role" --format=json; then
    not_told "what $role holds"
    return
  fi
  for permission in "$@"; do
    jq -e --arg it "$permission" '.includedPermissions | index($it)' "$SCRATCH/seen" >/dev/null || lacks+=("$permission")
  done
  if ((${#lacks[@]})); then tell differs "$role lacks ${lacks[*]}"; else tell ok "$role holds $*"; fi
}

check_roles() {
  has roles/run.jobsExecutorWithOverrides run.jobs.run run.jobs.runWithOverrides
  has roles/cloudtasks.enqueuer cloudtasks.tasks.create cloudtasks.tasks.fullView
  has roles/bigquery.dataEditor bigquery.tables.update bigquery.tables.updateData bigquery.datasets.getIamPolicy
  has roles/bigquery.jobUser bigquery.jobs.create
}

# The names of quotas are Google's; what is printed is compared by eye with the settings.
check_quotas() {
  local what="the quotas of Cloud Run in $REGION"
  if asked gcloud beta quotas info list --project="$PROJECT" --service=run.googleapis.com --format=json; then
    jq -r --arg region "$REGION" '.[]? | . as $quota | .dimensionsInfos[]? |
      select((.applicableLocations // []) | index($region)) |
      "\($quota.quotaId) \(.details.value // "?")"' "$SCRATCH/seen" | grep -iE 'cpu|mem|job' |
      while read -r line; do tell "" "$line"; done || true
    tell ok "$what are listed above; the settings reckon with $REGION_VCPUS vCPUs, $REGION_MEMORY_GIB GiB"
  else
    not_told "$what"
  fi
}

# That the unit is MiB is nowhere in Google's reference; its own lab sets 262144 for 0.25 TiB.
check_query_quotas() {
  local what="what queries may bill a day" project account
  if ! asked gcloud alpha services quota list --service=bigquery.googleapis.com --consumer="projects/$PROJECT" --format=json; then
    not_told "$what"
    return
  fi
  project=$(query_quota '1/d/{project}' "$(<"$SCRATCH/seen")")
  account=$(query_quota '1/d/{project}/{user}' "$(<"$SCRATCH/seen")")
  if [[ $project == $((QUERY_GIB_PER_DAY * 1024)) && $account == $((QUERY_GIB_PER_ACCOUNT * 1024)) ]]; then
    tell ok "$what is $QUERY_GIB_PER_DAY GiB, and $QUERY_GIB_PER_ACCOUNT of each account; see in the console that it says so"
  else
    tell differs "$what is ${project:-not limited}, and ${account:-not limited} of each account, in MiB; run infra/setup.sh --only quotas"
  fi
}

# A dry run estimates before clusters are pruned; that partitions are pruned through the view is what it tells.
check_partitions() {
  local what="one day of runs, read through the view" day all
  day=$(estimate "$(date -u +%F)")
  all=$(estimate "$(date -u -d '400 days ago' +%F)")
  if [[ -z $day || -z $all ]]; then
    not_told "$what"
  elif ((all == 0)); then
    tell "not told" "$what: there are no runs yet"
  elif ((day < all || day == 0)); then
    tell ok "$what is $day bytes of $all: partitions are pruned"
  else
    tell differs "$what is $day bytes, as are all days: partitions are not pruned through the view"
  fi
}

# estimate FIRST_DAY: bytes that run_detail would read from then until today; nothing where that was not told.
estimate() {
  asked bq --format=json query --dry_run --use_legacy_sql=false \
    --parameter=org_slug:STRING:nobody --parameter=run_id:STRING:none "--parameter=first_day:DATE:$1" \
    "--parameter=last_day:DATE:$(date -u +%F)" "$(sed "/^--/d; s/organizations\./$DATASET./" sql/queries/run_detail.sql)" || return 0
  jq -r '.statistics.totalBytesProcessed // .statistics.query.totalBytesProcessed // ""' "$SCRATCH/seen" 2>/dev/null || true
}

# Asks ops who asks, which reads nothing.
check_ops() {
  local what="a call of $OPS_SERVICE by an operator" url status token=()
  url=$(address_of "$OPS_SERVICE")
  token=(gcloud auth print-identity-token --include-email "--impersonate-service-account=$(email operator)"
    "--audiences=$url")
  if ((!DRY_RUN)) && [[ -z $url ]] || ! asked "${token[@]}"; then
    not_told "$what"
    return
  fi
  printf 'header = "Authorization: Bearer %s"\n' "$(cat "$SCRATCH/seen")" >"$SCRATCH/header" # not an argument: ps shows those
  status=$(status_of "$url/ops/caller" --config "$SCRATCH/header")
  case $status in
    200) tell ok "$what is let in" ;;
    401) tell differs "$what is 401: the token or its signature does not reach the code" ;;
    403) tell differs "$what is 403: Cloud Run itself turns it away" ;;
    *) tell "not told" "$what: the answer is $status" ;;
  esac
}

# An empty domain may be an empty part of the path; without a key the service itself says 401 in any case.
check_paths() {
  local what="an empty part of a path" url answer
  url=$(address_of "$API_SERVICE")
  if ((DRY_RUN)); then return; fi
  if [[ -z $url ]]; then
    not_told "$what"
    return
  fi
  answer=$(status_of "$url/api/v1/pipelines/run/nobody/openai//usage_cost" --request POST)
  case $answer in
    401) tell ok "$what reaches the service" ;;
    30? | 404) tell differs "$what is answered $answer; clients leave the domain out" ;;
    *) tell "not told" "$what: the answer is $answer" ;;
  esac
}

# address_of SERVICE: where it answers; nothing where that is not told.
address_of() {
  asked gcloud run services describe "$1" --region="$REGION" --format=json || return 0
  jq -r '.status.url // ""' "$SCRATCH/seen"
}

# status_of URL OPTION…
status_of() {
  local url=$1
  shift
  curl --silent --output /dev/null --max-time 20 --write-out '%{http_code}' "$@" "$url" 2>"$SCRATCH/errors" || true
}

need_programs bq curl
verify
