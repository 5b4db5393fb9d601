#!/usr/bin/env bash
# Takes the service out of a project: the scheduled calls, alerts, functions and jobs. Nothing that holds data goes unless
# a flag says so, and the key never: Google keeps keys, and without it no stored credential can be read.
#
#   infra/teardown.sh [--settings FILE] [--queues] [--secrets] [--images] [--accounts] [--datasets] [--dry-run]
#
# --queues deletes both queues; Google does not accept their names again for days. --secrets deletes the secrets, which
# ends every customer's webhook secret. --images deletes the registry, --accounts the service accounts, with the reader
# that customers without a key have let in: they must let the next one in again. --datasets deletes the dataset of the
# service AND that of each of its orgs, with all costs; not those of another installation. The project may be used again: BigQuery remembers jobs for months and
# Cloud Tasks names for a day, but infra/setup.sh makes another installation, with names of its own. It asks for the
# project's id. Exits 0 if all is gone, 1 at the first step that fails or if the id does not match, 2 if called wrongly
# or with unusable settings.

declare -A ALSO=()

takes_flag() {
  [[ $1 =~ ^--(queues|secrets|images|accounts|datasets)$ ]] || return
  ALSO[${1#--}]=1
}

. "$(dirname "${BASH_SOURCE[0]}")/bash/begin.sh"
. infra/bash/installation.sh
AT=(--location="$REGION")

confirm() {
  local answer
  ((!DRY_RUN)) || return 0
  say "This removes the scheduled calls, alerts, functions and jobs of CloudAct from $PROJECT${ALSO[*]:+, and }$(also)."
  printf 'Type the id of the project to go on: ' >&2
  read -r answer || true
  [[ $answer == "$PROJECT" ]] || die "That is not $PROJECT; nothing was removed."
}

also() {
  local flags="${!ALSO[*]}"
  echo "${flags// /, }"
}

tear_down() {
  if is_also datasets; then find_datasets; fi
  remove_scheduled
  remove_monitoring
  remove_each "the function" "$API_SERVICE $OPS_SERVICE" 'value(metadata.name)' gcloud run services -- --region="$REGION"
  remove_each "the job" "$RUNNER_JOB $MIGRATE_JOB" 'value(metadata.name)' gcloud run jobs -- --region="$REGION"
  if is_also queues; then
    remove_each "the queue" "$QUEUE $NOTIFICATION_QUEUE" 'value(name.basename())' gcloud tasks queues -- "${AT[@]}"
  fi
  if is_also secrets; then
    remove_each "the secret" "$WEBHOOK_SECRET ${JWT_SECRET:-}" 'value(name.basename())' gcloud secrets --
  fi
  if is_also images; then
    remove_each "the registry" "$REPOSITORY" 'value(name.basename())' gcloud artifacts repositories -- "${AT[@]}"
  fi
  if is_also datasets; then remove_datasets; fi
  if is_also accounts; then remove_accounts; fi
}

is_also() {
  [[ -n ${ALSO[$1]:-} ]]
}

# remove_each WHAT "NAME…" FORMAT COMMAND… -- FLAG…: those of the names that a list has.
remove_each() {
  local what=$1 names=$2 format=$3 command=() found name
  shift 3
  while [[ $1 != -- ]]; do
    command+=("$1")
    shift
  done
  shift
  found=$(look "${command[@]}" list "$@" --format="$format")
  for name in $names; do
    if has_line "$found" "$name"; then change "removed $what $name" "${command[@]}" delete "$name" "$@"; fi
  done
}

remove_scheduled() {
  remove_each "the scheduled call" "cloudact-daily cloudact-sweep" 'value(name.basename())' \
    gcloud scheduler jobs -- "${AT[@]}"
}

# Alerts go before the metrics that they ask for. Ours carry the hash of a file.
remove_monitoring() {
  local found name metrics
  found=$(look gcloud alpha monitoring policies list --filter='userLabels.cloudact_file:*' --format='value(name)')
  for name in $found; do change "removed the alert ${name##*/}" gcloud alpha monitoring policies delete "$name"; done
  found=$(look gcloud monitoring dashboards list --filter='labels.cloudact_file:*' --format='value(name)')
  for name in $found; do change "removed the dashboard ${name##*/}" gcloud monitoring dashboards delete "$name"; done
  metrics=$(find infra/monitoring/metrics -name '*.yaml' -exec basename {} .yaml \; 2>/dev/null || true)
  remove_each "the metric" "$metrics" 'value(name)' gcloud logging metrics --
}

# Sets OURS and OTHERS. An org's dataset carries its slug as a label, and the installation that made it: one without is
# older, and belongs to the installation `original`. The service's own comes last: it tells which installation this is.
find_datasets() {
  local found own
  need_programs bq
  found=$(look bq --project_id="$PROJECT" --format=json ls --datasets --max_results=50000)
  own=$(pick "$found" -c --arg name "$DATASET" '.[]? | select(.datasetReference.datasetId == $name)')
  INSTALLATION=$(installation_of "$own")
  [[ -z $own || -n $INSTALLATION ]] ||
    die "The dataset $DATASET says of no installation that it is its, so nobody knows which orgs are: run infra/setup.sh."
  OURS=$(org_datasets "==")${own:+ $DATASET}
  OTHERS=$(org_datasets "!=")
}

# org_datasets == or !=: the datasets of orgs that are this installation's, or that are not.
org_datasets() {
  pick "$found" --arg own "$INSTALLATION" "[.[]? | select(.labels.cloudact_org and
    (.labels.cloudact_installation // \"original\") $1 \$own) | .datasetReference.datasetId] | join(\" \")"
}

remove_datasets() {
  local name
  [[ -z $OTHERS ]] || say "Left, for they are another installation's: $OTHERS. Remove by hand what nobody needs."
  for name in $OURS; do
    change "removed the dataset $name with all its data" bq --project_id="$PROJECT" rm --recursive --force --dataset \
      "$PROJECT:$name"
  done
}

remove_accounts() {
  local found account
  found=$(look gcloud iam service-accounts list --format='value(email)')
  for account in "${ACCOUNTS[@]}"; do
    if has_line "$found" "$(email "$account")"; then
      change "removed the service account $PREFIX$account" gcloud iam service-accounts delete "$(email "$account")"
    fi
  done
}

confirm
tear_down
summarize
