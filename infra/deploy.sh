#!/usr/bin/env bash
# Deploys a revision: the job's image, the tables and views, then the job runner and the functions ops and api, and asks
# them whether they work. infra/setup.sh comes first.
#
#   infra/deploy.sh [--settings FILE] [--image REPOSITORY@sha256:…] [--revision NAME] [--allow-failed-orgs] [--no-smoke]
#                   [--dry-run]
#
# The image is built from this checkout, which must have no changes that are not committed, unless --image names one.
# The revision is the commit; a checkout without git is named by its content, or by --revision. An org whose tables cannot
# be migrated stops it, before these; --allow-failed-orgs goes on, and the logs name them. May be repeated: what is
# deployed already is not deployed again. Exits 0 if all is deployed and works, 1 at the first step that fails, 2 if
# called wrongly, with unusable settings or with uncommitted changes.

IMAGE=""
REVISION=""
SMOKE=1
ALLOW_FAILED_ORGS=0

# shellcheck disable=SC2034 # TAKEN is read by what is sourced
takes_flag() {
  case $1 in
    --image) IMAGE=$2 ;;
    --revision) REVISION=$2 ;;
    --no-smoke) SMOKE=0 && return ;;
    --allow-failed-orgs) ALLOW_FAILED_ORGS=1 && return ;;
    *) return 1 ;;
  esac
  TAKEN=2
}

. "$(dirname "${BASH_SOURCE[0]}")/bash/begin.sh"
. infra/bash/variables.sh
. infra/bash/cloud_run.sh
. infra/bash/installation.sh

deploy() {
  name_revision
  check_key
  read_installation
  read_secret_versions
  IMAGE=${IMAGE:-$(built_image)}
  [[ -n $IMAGE ]] || build_image
  deploy_migrate
  migrate
  deploy_runner
  deploy_ops
  deploy_api
  migrate_latecomers
  test_smoke
  let_into_datasets
}

name_revision() {
  [[ -z $IMAGE || $IMAGE =~ @sha256:[0-9a-f]{64}$ ]] || refuse "--image must end in @sha256: and 64 digits; it is $IMAGE."
  if [[ -z $REVISION && -e .git ]]; then
    [[ -z $(git status --porcelain) ]] || refuse "There are changes that are not committed; commit them or put them away."
    REVISION=$(git rev-parse HEAD)
  elif [[ -z $REVISION ]]; then
    REVISION=$(hash_of_sources)
  fi
  [[ $REVISION =~ ^[a-z0-9][a-z0-9_-]{0,62}$ ]] || refuse "$REVISION cannot be a label; give --revision."
}

# Another key would leave every stored credential unreadable.
check_key() {
  local held
  held=$(variable_of "$API_SERVICE" CLOUDACT_KMS_KEY)
  [[ -z $held || $held == "$KEY_NAME" ]] ||
    die "Credentials are encrypted with $held, and the settings name $KEY_NAME; nothing could read them."
}

# Every process is told the installation's identity, as the dataset has it, and another than before would forget what was
# decided: a dataset that was made anew from copies gets the label of the one before.
read_installation() {
  local held deployed
  need_programs bq
  held=$(look_at_dataset "$DATASET")
  INSTALLATION=$(installation_of "$held")
  if ((DRY_RUN)); then INSTALLATION=${INSTALLATION:-unknown}; fi
  [[ -n $INSTALLATION ]] || die "The dataset $DATASET says of no installation that it is its: run infra/setup.sh."
  deployed=$(variable_of "$API_SERVICE" CLOUDACT_INSTALLATION)
  [[ -z $deployed || $deployed == "$INSTALLATION" ]] ||
    die "The installation $deployed is deployed, and the dataset $DATASET is labelled $INSTALLATION. If it is the same one:" \
      "bq update --set_label=cloudact_installation:$deployed $PROJECT:$DATASET"
}

# What a checkout without git is known by: everything that an image or a function is made of.
hash_of_sources() {
  local files
  files=$(find cloudact configs functions jobs infra requirements*.txt -type f -not -path '*/__pycache__/*' \
    -not -path infra/env)
  sort <<<"$files" | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -c 1-40
}

read_secret_versions() {
  WEBHOOK_SECRET_VERSION=$(newest_version "$WEBHOOK_SECRET")
  if [[ -n ${JWT_SECRET:-} ]]; then JWT_SECRET_VERSION=$(newest_version "$JWT_SECRET"); fi
}

# The image of this revision by its digest; nothing while it has not been built.
built_image() {
  local tags
  tags=$(look gcloud artifacts docker tags list "$REGISTRY/runner" --format=json)
  pick "$tags" --arg tag "/tags/$REVISION" --arg image "$REGISTRY/runner" \
    '.[]? | select(.tag | endswith($tag)) | "\($image)@\(.version | sub(".*/"; ""))"'
}

build_image() {
  say "Building the image of $REVISION …"
  change "built the image runner:$REVISION" gcloud builds submit . --region="$REGION" \
    --config=infra/image.cloudbuild.yaml --ignore-file=infra/build.gcloudignore --substitutions="_IMAGE=$REGISTRY/runner:$REVISION" \
    --service-account="projects/$PROJECT/serviceAccounts/$(email builder)" --suppress-logs
  IMAGE=$(built_image)
  if ((DRY_RUN)); then IMAGE=$REGISTRY/runner@sha256:DIGEST; fi
  [[ -n $IMAGE ]] || die "Cloud Build has built runner:$REVISION, but the registry $REPOSITORY does not have it."
}

# Its parallelism stays 0, as many tasks at once as there are: it may not exceed the number of tasks, and an execution
# brings its own number. What is at work at once is bounded by the daily call (docs/adr/0014).
deploy_runner() {
  deploy_changed jobs "$RUNNER_JOB" "" --image="$IMAGE" --service-account="$(email runner)" --tasks=1 --parallelism=0 \
    --max-retries="$JOB_MAX_RETRIES" --task-timeout="${JOB_TIMEOUT_S}s" \
    --cpu="$JOB_CPU" --memory="${JOB_MEMORY_GIB}Gi" --set-env-vars="$(joined runner)"
  grants_on "the job $RUNNER_JOB" gcloud run jobs -- "$RUNNER_JOB" --region="$REGION"
  grant "$(member dispatcher)" roles/run.jobsExecutorWithOverrides
  grant "$(member api)" "$(custom_role cloudactCancel)"
}

# The runner's image under another identity, which may change tables.
deploy_migrate() {
  deploy_changed jobs "$MIGRATE_JOB" "" --image="$IMAGE" --service-account="$(email migrator)" --tasks=1 \
    --max-retries=1 --task-timeout=86400s --cpu=1 --memory=1Gi --command=python --args=-m,infra.migrate \
    --set-env-vars="$(joined migrate)"
}

# Tables and views come to be, or change, before any job or function of this revision asks for them: a run that finds
# yesterday's tables would load its day, and lose its record in the day's history for good.
migrate() {
  run_migrate cloudact-migrated "$(label_of jobs "$MIGRATE_JOB" cloudact-arguments)" \
    "tables and views are those of this revision"
}

# Orgs that the ops before this one onboarded since then. It costs two queries where there are none.
migrate_latecomers() {
  run_migrate cloudact-latecomers "$(label_of services "$OPS_SERVICE" cloudact-arguments)" \
    "orgs that came meanwhile have them too"
}

# run_migrate LABEL VALUE WORDS: unless the label says that it has, since whoever is interrupted comes again.
run_migrate() {
  local command=(gcloud run jobs execute "$MIGRATE_JOB" --region="$REGION" --wait)
  if ((!DRY_RUN)) && [[ $(label_of jobs "$MIGRATE_JOB" "$1") == "$2" ]]; then return; fi
  if ((ALLOW_FAILED_ORGS)); then command+=("--args=-m,infra.migrate,--allow-failed-orgs"); fi
  say "Migrating …"
  change "ran the job $MIGRATE_JOB: $3" "${command[@]}"
  change "noted that it has run" gcloud run jobs update "$MIGRATE_JOB" --region="$REGION" --update-labels="$1=$2"
}

# label_of KIND NAME LABEL
label_of() {
  local held
  held=$(described "$1" "$2")
  pick "$held" --arg name "$3" '.metadata.labels[$name]? // ""'
}

# Its audience is its own address. A new one is without until it has one, and refuses everybody. What believes in Cloud
# Run's check is deployed once that is on, and gone before it is off: in between anybody could write their own token.
deploy_ops() {
  OPS_URL=$(url_of "$OPS_SERVICE")
  if [[ $OPS_INVOKER == iam ]]; then check_invoker "$OPS_SERVICE"; fi
  if [[ -z $OPS_URL ]]; then
    deploy_function ops "$OPS_SERVICE"
    OPS_URL=$(url_of "$OPS_SERVICE")
    if ((DRY_RUN)); then OPS_URL=https://URL-OF-$OPS_SERVICE; fi
    tell_audience
  else
    deploy_function ops "$OPS_SERVICE"
  fi
  grant_on_function "$OPS_SERVICE"
  if [[ $OPS_INVOKER == iam ]]; then
    grant "$(member scheduler)" roles/run.invoker
    grant "$(member operator)" roles/run.invoker
  else
    let_everybody_in "$OPS_SERVICE"
  fi
}

# Without building it again. From now on its label is that of a deployment with the audience.
tell_audience() {
  flags_of ops
  change "told $OPS_SERVICE its address" gcloud run services update "$OPS_SERVICE" --region="$REGION" \
    --update-env-vars="CLOUDACT_OPS_AUDIENCE=$OPS_URL" \
    --update-labels="cloudact-arguments=$(hash_of "$REVISION" "${FLAGS[@]}")"
}

deploy_api() {
  deploy_function api "$API_SERVICE"
  grant_on_function "$API_SERVICE"
  if [[ $API_INVOKER == everyone ]]; then
    check_invoker "$API_SERVICE"
    grant allUsers roles/run.invoker
  else
    let_everybody_in "$API_SERVICE"
  fi
}

# The builder may change who may call; it deploys what is called anyway.
grant_on_function() {
  grants_on "the function $1" gcloud run services -- "$1" --region="$REGION"
  grant "$(member builder)" "$(custom_role cloudactInvoker)"
}

# deploy_function PROCESS NAME
deploy_function() {
  flags_of "$1"
  deploy_changed services "$2" "$REVISION" "${FLAGS[@]}"
  serve_newest "$2"
}

# flags_of PROCESS: how api or ops is deployed. The image's name is a repository: the builder may write to that alone.
# A build dates all its files to 1980, which bytecode that is checked by time would not outlive; this one is not.
flags_of() {
  FLAGS=(--source=. --function="$1" --base-image=python313 --image="$REGISTRY"
    --set-build-env-vars="GOOGLE_FUNCTION_SOURCE=functions/main.py,SOURCE_DATE_EPOCH=315532801"
    --service-account="$(email "$1")"
    --build-service-account="projects/$PROJECT/serviceAccounts/$(email builder)"
    --cpu=1 --cpu-boost --set-env-vars="$(joined "$1")")
  if [[ $1 == ops ]]; then
    FLAGS+=(--memory="${OPS_MEMORY_MIB}Mi" --concurrency="$OPS_CONCURRENCY" --min-instances="$OPS_MIN_INSTANCES"
      --max-instances="$OPS_MAX_INSTANCES" --timeout="$OPS_TIMEOUT_S")
  else
    FLAGS+=(--memory="${API_MEMORY_MIB}Mi" --concurrency="$API_CONCURRENCY" --min-instances="$API_MIN_INSTANCES"
      --max-instances="$API_MAX_INSTANCES" --timeout=60)
  fi
}

test_smoke() {
  local api
  if ((DRY_RUN || !SMOKE)); then return 0; fi
  api=$(url_of "$API_SERVICE")
  OPS_TOKEN=$(operator_token)
  CLOUDACT_OPS_TOKEN=$OPS_TOKEN infra/smoke.sh "$api" "$OPS_URL" "$OPS_INVOKER" >&2 ||
    die "All is deployed, but it does not work; the lines above say what does not."
}

# The api, the runner and the migrator are let into the datasets of orgs that were onboarded before ops was told of them.
# Only ops may do that, which owns those datasets; where all have, it costs ops one query.
let_into_datasets() {
  local told failed
  if ((DRY_RUN)); then return 0; fi
  if ((!SMOKE)); then
    say "Whether the datasets of orgs have let in all service accounts is left open: POST $OPS_URL/ops/access lets them in."
    return 0
  fi
  while told=$(post_to_ops /ops/access) && failed=$(jq -r '.failed | join(", ")' <<<"$told"); do
    jq -e '.left > 0 and (.admitted | length) > 0' <<<"$told" >/dev/null || break
  done
  [[ -n $told && (-z $failed || $ALLOW_FAILED_ORGS -eq 1) ]] ||
    die "All is deployed, but some orgs' datasets have not let in all service accounts; the log of $OPS_SERVICE tells" \
      "why (dataset_access_failed). $SCRIPT again tries again. ${failed:-$told}"
}

# post_to_ops PATH: what ops answers to an operator. No token is seen in a list of processes.
post_to_ops() {
  curl --silent --show-error --fail-with-body --max-time "$OPS_TIMEOUT_S" --request POST \
    --header @<(printf 'Authorization: Bearer %s' "$OPS_TOKEN") "${OPS_URL%/}$1"
}

# Whoever deploys acts as an operator for a few calls. A right that was granted just now is waited for.
operator_token() {
  local attempt command=(gcloud auth print-identity-token --include-email --audiences="$OPS_URL"
    --impersonate-service-account="$(email operator)")
  for ((attempt = 1; ; attempt++)); do
    if "${command[@]}" 2>"$SCRATCH/errors" </dev/null; then return; fi
    if ! is_told "$DENIED|$PASSING" || ((attempt >= ATTEMPTS)); then break; fi
    sleep "$RETRY_PAUSE_S"
  done
  say "$(sed 's/^/  /' "$SCRATCH/errors")"
  die "All is deployed, but whether $OPS_SERVICE lets its callers in is not known: this account got no token of" \
    "$(email operator). Put it into OPERATORS, run infra/setup.sh and, some minutes later, $SCRIPT again; or leave" \
    "that open with --no-smoke."
}

deploy
summarize
