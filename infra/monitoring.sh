#!/usr/bin/env bash
# Applies infra/monitoring/: metrics that count log lines, alerts, the dashboard, and who is told (ALERT_EMAIL).
#
#   infra/monitoring.sh [--settings FILE] [--dry-run]
#
# Whatever it makes carries the hash of its file, so what has not changed is left alone; what was made by others, or of a
# file that is gone, is too. Exits 0 if all is applied, 1 at the first step that fails, 2 if called wrongly or with
# unusable settings.

. "$(dirname "${BASH_SOURCE[0]}")/bash/begin.sh"
shopt -s nullglob
FOLDER=infra/monitoring

monitor() {
  apply_metrics
  find_channel
  apply_policies
  apply_dashboard
}

apply_metrics() {
  local held file
  held=$(look gcloud logging metrics list --format='value(name,description)')
  for file in "$FOLDER"/metrics/*.yaml; do apply_metric "$file"; done
}

# A metric has no labels of its own, so its description ends in the hash.
apply_metric() {
  local name hash marked=$SCRATCH/metric.yaml
  name=${1##*/}
  name=${name%.yaml}
  hash=$(hash_of_file "$1")
  if grep -q "^$name"$'\t'".*\[$hash\]$" <<<"$held"; then return; fi
  sed "s/^description: \"\(.*\)\"$/description: \"\1 [$hash]\"/" "$1" >"$marked"
  if grep -q "^$name"$'\t' <<<"$held"; then
    change "changed the metric $name" gcloud logging metrics update "$name" --config-from-file="$marked"
  else
    change "created the metric $name" gcloud logging metrics create "$name" --config-from-file="$marked"
  fi
}

hash_of_file() {
  sha256sum <"$1" | cut -c 1-16
}

# The channel of ALERT_EMAIL; empty where nobody is to be told.
find_channel() {
  CHANNEL=""
  [[ -n ${ALERT_EMAIL:-} ]] || return 0
  read_channel
  [[ -z $CHANNEL ]] || return 0
  change "alerts are told to $ALERT_EMAIL" gcloud beta monitoring channels create --type=email \
    --display-name="CloudAct operators" --channel-labels="email_address=$ALERT_EMAIL"
  read_channel
  if ((DRY_RUN)); then CHANNEL=projects/$PROJECT/notificationChannels/NEW; fi
}

read_channel() {
  local channels
  channels=$(look gcloud beta monitoring channels list --format=json)
  CHANNEL=$(pick "$channels" --arg email "$ALERT_EMAIL" \
    'first(.[]? | select(.labels.email_address == $email) | .name) // ""')
}

apply_policies() {
  local held file
  held=$(look gcloud alpha monitoring policies list --format=json)
  for file in "$FOLDER"/policies/*.json; do apply_policy "$file"; done
}

apply_policy() {
  local title policy hash same marked=$SCRATCH/policy.json
  { read -r title && read -r policy; } < <(jq -rcS '.displayName, .' "$1")
  hash=$(printf '%s\n' "$policy" "$CHANNEL" | sha256sum | cut -c 1-16)
  same=$(pick "$held" --arg title "$title" \
    'first(.[]? | select(.displayName == $title) | "\(.userLabels.cloudact_file // "-") \(.name)") // ""')
  [[ ${same% *} != "$hash" ]] || return 0
  jq --arg hash "$hash" --arg channel "$CHANNEL" \
    '.userLabels.cloudact_file = $hash | if $channel != "" then .notificationChannels = [$channel] else . end' "$1" >"$marked"
  if [[ -n $same ]]; then
    change "changed the alert \"$title\"" gcloud alpha monitoring policies update "${same#* }" --policy-from-file="$marked"
  else
    change "created the alert \"$title\"" gcloud alpha monitoring policies create --policy-from-file="$marked"
  fi
}

apply_dashboard() {
  local file=$FOLDER/dashboard.json title hash held same marked=$SCRATCH/dashboard.json
  [[ -e $file ]] || return 0
  title=$(jq -r .displayName "$file")
  hash=$(hash_of_file "$file")
  held=$(look gcloud monitoring dashboards list --format=json)
  same=$(pick "$held" -c --arg title "$title" 'first(.[]? | select(.displayName == $title)) // empty')
  [[ $(pick "$same" '.labels.cloudact_file // ""') != "$hash" ]] || return 0
  jq --arg hash "$hash" --argjson same "${same:-null}" \
    '.labels.cloudact_file = $hash | if $same.etag then .etag = $same.etag else . end' "$file" >"$marked"
  if [[ -n $same ]]; then
    change "changed the dashboard" gcloud monitoring dashboards update "$(jq -r .name <<<"$same")" --config-from-file="$marked"
  else
    change "created the dashboard" gcloud monitoring dashboards create --config-from-file="$marked"
  fi
}

monitor
summarize
