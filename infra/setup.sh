#!/usr/bin/env bash
# Makes in an empty project all that the service stands on: APIs, service accounts and what each may do, the registry of
# images, queues, the key, secrets, the dataset `organizations`, and what BigQuery may bill a day. Its tables come with
# infra/deploy.sh.
#
#   infra/setup.sh [--settings FILE] [--only PART]… [--dry-run]
#
# PART is one of apis, accounts, roles, registry, queues, keys, secrets, dataset, quotas. Whoever runs it is an owner of
# the project. May be repeated: it looks first and changes what differs. --dry-run reads, and prints what it would run.
# Exits 0 if all is there, 1 at the first step that fails, 2 if called wrongly or with unusable settings.

PARTS=()

# shellcheck disable=SC2034 # TAKEN is read by what is sourced
takes_flag() {
  [[ $1 == --only && $2 =~ ^(apis|accounts|roles|registry|queues|keys|secrets|dataset|quotas)$ ]] || return
  PARTS+=("$2")
  TAKEN=2
}

. "$(dirname "${BASH_SOURCE[0]}")/bash/begin.sh"
. infra/bash/cloud_run.sh
. infra/bash/installation.sh
((${#PARTS[@]})) || PARTS=(apis accounts roles registry queues keys secrets dataset quotas)

APIS=(artifactregistry bigquery cloudbuild cloudkms cloudresourcemanager cloudscheduler cloudtasks iam iamcredentials
  logging monitoring run secretmanager serviceusage storage)

set_up_apis() {
  local enabled api missing=()
  enabled=$(look gcloud services list --enabled --format='value(config.name)')
  for api in "${APIS[@]/%/.googleapis.com}"; do
    has_line "$enabled" "$api" || missing+=("$api")
  done
  ((${#missing[@]} == 0)) || change "enabled ${missing[*]%.googleapis.com}" gcloud services enable "${missing[@]}"
}

set_up_accounts() {
  local existing account
  existing=$(look gcloud iam service-accounts list --format='value(email)')
  for account in "${ACCOUNTS[@]}"; do
    has_line "$existing" "$(email "$account")" || change "created the service account $PREFIX$account" \
      gcloud iam service-accounts create "$PREFIX$account" --display-name="CloudAct: $account"
  done
  grant_on_accounts
}

# Who may let others act as an account, or take its tokens.
grant_on_accounts() {
  local account operator
  on_account dispatcher
  grant "$(member api)" roles/iam.serviceAccountUser
  grant "$(member ops)" roles/iam.serviceAccountUser
  for account in api ops runner migrator builder; do
    on_account "$account"
    grant "$(member builder)" roles/iam.serviceAccountUser
  done
  on_account reader
  for account in api runner; do
    grant "$(member "$account")" roles/iam.serviceAccountTokenCreator
  done
  on_account operator
  grant "$(member builder)" roles/iam.serviceAccountTokenCreator
  [[ -n ${OPERATORS:-} ]] || return 0
  for operator in ${OPERATORS//,/ }; do
    grant "$operator" roles/iam.serviceAccountTokenCreator
  done
}

on_account() {
  grants_on "the service account $PREFIX$1" gcloud iam service-accounts -- "$(email "$1")"
}

set_up_roles() {
  local account
  set_up_role cloudactJobs "CloudAct: BigQuery jobs" bigquery.jobs.create,bigquery.jobs.get
  set_up_role cloudactLedger "CloudAct: the ledger" \
    bigquery.datasets.get,bigquery.tables.get,bigquery.tables.getData,bigquery.tables.list,bigquery.tables.updateData
  set_up_role cloudactDatasets "CloudAct: datasets of orgs" \
    bigquery.datasets.create,bigquery.datasets.get,bigquery.datasets.getIamPolicy
  set_up_role cloudactCancel "CloudAct: cancel a run" run.executions.cancel
  set_up_role cloudactInvoker "CloudAct: who may call the functions" run.services.setIamPolicy
  grants_on "the project" gcloud projects -- "$PROJECT"
  for account in api ops runner migrator; do
    grant "$(member "$account")" "$(custom_role cloudactJobs)"
  done
  grant "$(member ops)" "$(custom_role cloudactDatasets)"
  grant "$(member builder)" roles/run.sourceDeveloper
  grant "$(member builder)" roles/serviceusage.serviceUsageConsumer
  grant "$(member builder)" roles/logging.logWriter
}

# set_up_role ID TITLE PERMISSIONS: the latter sorted, separated by commas. A deleted role keeps its id for weeks.
set_up_role() {
  local role held
  role=$(look gcloud iam roles describe "$1" --project="$PROJECT" --format=json)
  held=$(pick "$role" '.includedPermissions // [] | sort | join(",")')
  if [[ -z $role ]]; then
    change "created the role $1" gcloud iam roles create "$1" --project="$PROJECT" --title="$2" --stage=GA \
      --permissions="$3"
    return
  fi
  [[ $role != *'"deleted": true'* ]] || change "restored the role $1" gcloud iam roles undelete "$1" --project="$PROJECT"
  [[ $held == "$3" ]] || change "changed the role $1" gcloud iam roles update "$1" --project="$PROJECT" --permissions="$3"
}

set_up_registry() {
  local found
  found=$(look gcloud artifacts repositories list --location="$REGION" --format='value(name.basename())')
  has_line "$found" "$REPOSITORY" || change "created the registry $REPOSITORY" gcloud artifacts repositories create \
    "$REPOSITORY" --location="$REGION" --repository-format=docker --description="CloudAct: images"
  grants_on "the registry $REPOSITORY" gcloud artifacts repositories -- "$REPOSITORY" --location="$REGION"
  grant "$(member builder)" roles/artifactregistry.writer
}

# Cloud Tasks gives up a task when both limits are exceeded: attempts and duration. `runs` is slower than the region's
# quota of jobs.run; a customer's receiver may be down for a day.
set_up_queues() {
  local queues account
  queues=$(look gcloud tasks queues list --location="$REGION" --format=json)
  set_up_queue "$QUEUE" "$(per_second "$JOB_RUNS_PER_MINUTE")" 5 8 3600s 10s 300s 4
  set_up_queue "$NOTIFICATION_QUEUE" 50.0 100 10 86400s 10s 3600s 9
  on_queue "$QUEUE"
  for account in api ops; do
    grant "$(member "$account")" roles/cloudtasks.enqueuer
    grant "$(member "$account")" roles/cloudtasks.viewer
  done
  grant "$(member api)" roles/cloudtasks.taskDeleter
  on_queue "$NOTIFICATION_QUEUE"
  for account in api ops runner; do
    grant "$(member "$account")" roles/cloudtasks.enqueuer
  done
  for account in api ops; do
    grant "$(member "$account")" roles/cloudtasks.viewer
  done
}

# set_up_queue NAME DISPATCHES_PER_SECOND CONCURRENT ATTEMPTS DURATION MIN_BACKOFF MAX_BACKOFF DOUBLINGS
set_up_queue() {
  local limits=(--max-dispatches-per-second="$2" --max-concurrent-dispatches="$3" --max-attempts="$4"
    --max-retry-duration="$5" --min-backoff="$6" --max-backoff="$7" --max-doublings="$8")
  local at=(--location="$REGION") held
  held=$(pick "$queues" --arg name "/queues/$1" '.[]? | select(.name | endswith($name)) |
    (.rateLimits | "\(.maxDispatchesPerSecond * 1000) \(.maxConcurrentDispatches)") + " " +
    (.retryConfig | "\(.maxAttempts) \(.maxRetryDuration) \(.minBackoff) \(.maxBackoff) \(.maxDoublings)")')
  if [[ -z $held ]]; then
    change "created the queue $1" gcloud tasks queues create "$1" "${at[@]}" "${limits[@]}" --log-sampling-ratio=1.0
  elif [[ $held != "$(thousandfold "$2") ${*:3}" ]]; then
    change "changed the queue $1" gcloud tasks queues update "$1" "${at[@]}" "${limits[@]}"
  fi
}

# NUMBER a minute, as so many a second with three decimals, cut off.
per_second() {
  printf '%d.%03d' $(($1 / 60)) $(($1 % 60 * 1000 / 60))
}

thousandfold() {
  jq -n "$1 * 1000"
}

on_queue() {
  grants_on "the queue $1" gcloud tasks queues -- "$1" --location="$REGION"
}

# Encrypting is the API's, decrypting the job's; the API decrypts only to check a stored credential again.
set_up_keys() {
  local rings key at=(--location="$REGION")
  rings=$(look gcloud kms keyrings list "${at[@]}" --format='value(name.basename())')
  has_line "$rings" "$KEY_RING" ||
    change "created the key ring $KEY_RING" gcloud kms keyrings create "$KEY_RING" "${at[@]}"
  at+=(--keyring="$KEY_RING")
  key=$(look gcloud kms keys describe "$KEY" "${at[@]}" --format=json)
  set_up_key "$(pick "$key" '.rotationPeriod // "never"')"
  grants_on "the key $KEY" gcloud kms keys -- "$KEY" "${at[@]}"
  grant "$(member api)" roles/cloudkms.cryptoKeyEncrypter
  grant "$(member api)" roles/cloudkms.cryptoKeyDecrypter
  grant "$(member runner)" roles/cloudkms.cryptoKeyDecrypter
}

# set_up_key ROTATION: the period that the key has; empty where there is no key.
set_up_key() {
  local rotation=(--rotation-period="${KEY_ROTATION_DAYS}d" --next-rotation-time="$(days_ahead "$KEY_ROTATION_DAYS")")
  if [[ -z $1 ]]; then
    change "created the key $KEY, which rotates every $KEY_ROTATION_DAYS days" \
      gcloud kms keys create "$KEY" "${at[@]}" --purpose=encryption "${rotation[@]}"
  elif [[ $1 != "$((KEY_ROTATION_DAYS * 86400))s" ]]; then
    change "the key $KEY rotates every $KEY_ROTATION_DAYS days" gcloud kms keys update "$KEY" "${at[@]}" "${rotation[@]}"
  fi
}

days_ahead() {
  jq -nr "now + $1 * 86400 | todate"
}

# 256 random bits, only ever in a pipe; made anew where adding them is tried again.
# shellcheck disable=SC2016 # bash expands it when it runs
RANDOM_VERSION='head -c 32 /dev/urandom | base64 | tr -d "\n" | gcloud secrets versions add "$1" --data-file=-'

set_up_secrets() {
  local secrets versions account
  secrets=$(look gcloud secrets list --format='value(name.basename())')
  set_up_secret "$WEBHOOK_SECRET" api ops runner
  versions=$(look gcloud secrets versions list "$WEBHOOK_SECRET" --limit=1 --format='value(name)')
  [[ -n $versions ]] || change "made a random secret for webhooks" bash -o pipefail -c "$RANDOM_VERSION" bash "$WEBHOOK_SECRET"
  if [[ -n ${JWT_SECRET:-} ]]; then set_up_jwt_secret; fi
}

# What is in it only its owner knows.
set_up_jwt_secret() {
  set_up_secret "$JWT_SECRET" api
  versions=$(look gcloud secrets versions list "$JWT_SECRET" --limit=1 --format='value(name)')
  [[ -n $versions ]] ||
    say "The secret $JWT_SECRET is still empty. Fill it: gcloud secrets versions add $JWT_SECRET --data-file=-"
}

# set_up_secret NAME ACCOUNT…: who may read it. The builder sees which versions there are, not what is in them.
set_up_secret() {
  local account
  has_line "$secrets" "$1" ||
    change "created the secret $1" gcloud secrets create "$1" --replication-policy=automatic
  grants_on "the secret $1" gcloud secrets -- "$1"
  for account in "${@:2}"; do
    grant "$(member "$account")" roles/secretmanager.secretAccessor
  done
  grant "$(member builder)" roles/secretmanager.viewer
}

# BigQuery keeps who may what in the dataset itself: WRITER there is roles/bigquery.dataEditor.
set_up_dataset() {
  local held
  need_programs bq
  held=$(look_at_dataset "$DATASET")
  if [[ -z $held ]]; then
    change "created the dataset $DATASET" bq --project_id="$PROJECT" mk --dataset --location="$BIGQUERY_LOCATION" \
      --description="CloudAct: orgs, keys and the ledger of runs" --label="$INSTALLATION_LABEL:$(new_installation)" \
      "$PROJECT:$DATASET"
    ((DRY_RUN)) || held=$(look_at_dataset "$DATASET")
  else
    check_location "$held"
    name_installation "$(installation_of "$held")"
  fi
  admit_to_dataset "${held:-null}"
}

# name_installation LABEL: of a dataset that is there. Without one it was restored, and what is deployed knows; or it is
# in use since before there were labels, and what it has decided keeps its names; or it is empty, made by hand, and
# perhaps not for the first time in this project. Where that is wrong, its table `installations` knows: infra/deploy.sh
# ends at the migration, which says what the label was.
name_installation() {
  local tables identity
  [[ -z $1 ]] || return 0
  identity=$(variable_of "$API_SERVICE" CLOUDACT_INSTALLATION)
  tables=$(look bq --project_id="$PROJECT" --format=json ls --max_results=1 "$PROJECT:$DATASET")
  if [[ -z $identity && -n $tables && $tables != "[]" ]]; then identity=original; fi
  identity=${identity:-$(new_installation)}
  change "the installation is called $identity" bq --project_id="$PROJECT" update \
    --set_label="$INSTALLATION_LABEL:$identity" "$PROJECT:$DATASET"
}

new_installation() {
  head -c 6 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# Where a dataset lies is decided once.
check_location() {
  local location
  location=$(jq -r '.location // ""' <<<"$1")
  [[ -z $location || ${location^^} == "${BIGQUERY_LOCATION^^}" ]] ||
    die "The dataset $DATASET lies in $location, and BIGQUERY_LOCATION is $BIGQUERY_LOCATION; a dataset cannot be moved."
}

# admit_to_dataset DATASET: adds to its access what is lacking, in one change, and takes from it what BigQuery gives to
# every editor and viewer of the project: key hashes and the ledger are nobody's by the way. Entries of accounts that were
# deleted go too: BigQuery may refuse the whole list for one.
admit_to_dataset() {
  local wanted lacking access
  wanted=$(jq -nc --arg ledger "$(custom_role cloudactLedger)" --arg migrator "$(email migrator)" \
    --arg builder "$(email builder)" '[$ARGS.positional[] | {role: $ledger, userByEmail: .}] +
    [{role: "WRITER", userByEmail: $migrator}, {role: "roles/bigquery.metadataViewer", userByEmail: $builder}]' \
    --args "$(email api)" "$(email ops)" "$(email runner)")
  lacking=$(jq -c --argjson wanted "$wanted" '$wanted - (.access // [])' <<<"$1")
  access=$(jq -c --argjson lacking "$lacking" '{access: ([.access[]? |
    select(.specialGroup | IN("projectReaders", "projectWriters") | not) |
    select(.userByEmail // .iamMember // "" | startswith("deleted:") | not)] + $lacking)}' <<<"$1")
  jq -e --argjson access "$access" '.access != $access.access' <<<"$1" >/dev/null || return 0
  echo "$access" >"$SCRATCH/access.json"
  change "granted on the dataset $DATASET: $(jq -r 'map("\(.role | sub(".*/"; "")) to \(.userByEmail)") | join(", ")' \
    <<<"$lacking")" bq --project_id="$PROJECT" update --source="$SCRATCH/access.json" "$PROJECT:$DATASET"
  if ((DRY_RUN)); then echo "# with this in the file: $(<"$SCRATCH/access.json")"; fi
}

# What a storm, a mistake or a customer's loop can make BigQuery bill in a day, whatever else fails: of the project, and
# of each service account. It counts MiB, resets at midnight Pacific, and refuses queries beyond.
set_up_quotas() {
  local held
  held=$(look gcloud alpha services quota list --service=bigquery.googleapis.com --consumer="projects/$PROJECT" --format=json)
  set_up_quota '1/d/{project}' "$QUERY_GIB_PER_DAY" "all queries"
  set_up_quota '1/d/{project}/{user}' "$QUERY_GIB_PER_ACCOUNT" "each account's queries"
}

# set_up_quota UNIT GIB WHOSE. Google takes a lower limit than before by --force only.
set_up_quota() {
  local metric=bigquery.googleapis.com/quota/query/usage mib=$(($2 * 1024)) limit
  limit=$(query_quota "$1" "$held")
  [[ $limit == "$mib" ]] || change "limited $3 to $2 GiB a day" gcloud alpha services quota update \
    --service=bigquery.googleapis.com --consumer="projects/$PROJECT" --metric="$metric" --unit="$1" --value="$mib" --force
}

for part in "${PARTS[@]}"; do
  "set_up_$part"
done
summarize
