# shellcheck shell=bash
# Deploys to Cloud Run what has changed. What a service or job was deployed with is a label of it, as a hash: the same
# arguments are not deployed again.

# deploy_changed KIND NAME BASIS FLAG…: KIND is services or jobs; BASIS is what else makes a difference, like a revision.
deploy_changed() {
  local kind=$1 name=$2 basis=$3 hash held command=(gcloud run deploy)
  shift 3
  if [[ $kind == jobs ]]; then command=(gcloud run jobs deploy); fi
  hash=$(hash_of "$basis" "$@")
  held=$(described "$kind" "$name")
  [[ $(deployed_hash "$held") != "$hash" ]] || return 0
  say "Deploying $name …"
  change "deployed $name" "${command[@]}" "$name" --region="$REGION" "$@" --labels="$(labels "$hash")"
}

labels() {
  echo "app=cloudact,cloudact-revision=$REVISION,cloudact-arguments=$1"
}

hash_of() {
  printf '%s\0' "$@" | sha256sum | cut -c 1-40
}

# described KIND NAME: what Cloud Run holds, as JSON; nothing where there is none.
described() {
  look gcloud run "$1" describe "$2" --region="$REGION" --format=json
}

# variable_of SERVICE NAME: what a function was deployed with.
variable_of() {
  local held
  held=$(described services "$1")
  pick "$held" --arg name "$2" '.spec.template.spec.containers[0].env[]? | select(.name == $name) | .value'
}

# deployed_hash JSON: what was deployed last, if it became ready.
deployed_hash() {
  pick "$1" 'select(any(.status.conditions[]?; .type == "Ready" and .status == "True")) |
    .metadata.labels["cloudact-arguments"] // ""'
}

# url_of SERVICE: where it answers; nothing while it does not exist.
url_of() {
  local held
  held=$(described services "$1")
  pick "$held" '.status.url // ""'
}

# Requests go to the newest revision; after somebody has rolled back they do not until told.
serve_newest() {
  local held
  held=$(described services "$1")
  [[ -z $held ]] || jq -e 'all(.spec.traffic[]?; .latestRevision == true)' <<<"$held" >/dev/null ||
    change "all requests to $1 go to its newest revision again" \
      gcloud run services update-traffic "$1" --region="$REGION" --to-latest
}

# check_invoker SERVICE, let_everybody_in SERVICE: whether Cloud Run itself asks callers for run.invoker. It is looked at
# first, since changing it needs a right that deploying does not.
check_invoker() {
  [[ $(is_open "$1") != true ]] || change "Cloud Run checks who calls $1" \
    gcloud run services update "$1" --region="$REGION" --invoker-iam-check
}

let_everybody_in() {
  [[ $(is_open "$1") == true ]] || change "all requests reach $1, which checks who calls" \
    gcloud run services update "$1" --region="$REGION" --no-invoker-iam-check
}

is_open() {
  local held
  held=$(described services "$1")
  pick "$held" '.metadata.annotations["run.googleapis.com/invoker-iam-disabled"]? // "" | ascii_downcase'
}
