# shellcheck shell=bash
# The settings of one deployment, read as text and never run, and the names that follow from them. infra/env.example says
# which there are.

# The names of the example; those that begin with # there are optional.
read_names() {
  mapfile -t REQUIRED < <(sed -nE 's/^([A-Z_]+)=.*/\1/p' infra/env.example)
  mapfile -t OPTIONAL < <(sed -nE 's/^#([A-Z_]+)=.*/\1/p' infra/env.example)
}

read_settings() {
  local line name number=0
  [[ -r $SETTINGS_FILE ]] || refuse "There is no $SETTINGS_FILE; copy infra/env.example to it and fill it in."
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [[ -z ${line// /} || $line == \#* ]] && continue
    name=${line%%=*}
    [[ $name =~ ^[A-Z][A-Z0-9_]*$ ]] ||
      refuse "$SETTINGS_FILE, line $number: write NAME=value; what is there is no name."
    is_setting "$name" || refuse "$SETTINGS_FILE, line $number: $name is not a setting; infra/env.example lists them."
    [[ $line == *=* ]] || refuse "$SETTINGS_FILE, line $number: $name has no value; write $name=value."
    [[ $line != *[\"\']* ]] || refuse "$SETTINGS_FILE, line $number: $name holds a quote; values stand without."
    [[ $line != *\|* ]] || refuse "$SETTINGS_FILE, line $number: $name holds a |, which the scripts separate values with."
    printf -v "$name" '%s' "${line#*=}"
    if [[ $name == CLOUDACT_* ]]; then EXTRA_VARIABLES+=("$line"); fi
  done <"$SETTINGS_FILE"
}

# A name of the example, or a variable of the service that no setting gives already.
is_setting() {
  if [[ $1 == CLOUDACT_* ]]; then
    local field=${1#CLOUDACT_}
    grep -q "^    ${field,,}: " cloudact/settings.py && ! grep -qE "(^| )$1[= ]" infra/bash/variables.sh
  else
    [[ " ${REQUIRED[*]} ${OPTIONAL[*]} " == *" $1 "* ]]
  fi
}

require_settings() {
  local name
  for name in "${REQUIRED[@]}"; do
    [[ -n ${!name+set} ]] || refuse "$SETTINGS_FILE lacks $name; infra/env.example says what it is."
    [[ -n ${!name} ]] || refuse "$name in $SETTINGS_FILE is empty; infra/env.example says what it is."
  done
  for name in "${OPTIONAL[@]}"; do
    [[ -z ${!name+set} || -n ${!name} ]] || refuse "$name in $SETTINGS_FILE is empty; leave the line out instead."
  done
}

# must_be NAME PATTERN WHAT: the setting, where there is one, looks like it.
must_be() {
  [[ -z ${!1+set} || ${!1} =~ ^($2)$ ]] || refuse "$1 in $SETTINGS_FILE is \"${!1}\", which is not $3."
}

# must_count NAME LEAST MOST: the setting is a whole number with the bounds that cloudact/settings.py has, or narrower ones.
must_count() {
  must_be "$1" '0|[1-9][0-9]{0,5}' "a number from $2 to $3"
  ((${!1} >= $2 && ${!1} <= $3)) || refuse "$1 in $SETTINGS_FILE is \"${!1}\", which is not a number from $2 to $3."
}

check_settings() {
  local name
  must_be PROJECT '[a-z][a-z0-9-]{4,28}[a-z0-9]' "a project id like my-project-1"
  must_be REGION '[a-z]+-[a-z]+[0-9]+' "a region like us-central1"
  must_be PREFIX '[a-z][a-z0-9-]{2,17}' "a beginning of names like cloudact-"
  must_be DATASET '[A-Za-z_][A-Za-z0-9_]*' "a name of a dataset"
  must_be API_INVOKER 'no-check|everyone' "no-check or everyone"
  must_be OPS_INVOKER 'no-check|iam' "no-check or iam"
  must_be JOB_CPU '1|2|4|6|8' "1, 2, 4, 6 or 8"
  must_be JOB_MEMORY_GIB '0\.5|[1-9]|[12][0-9]|3[0-2]' "0.5, or a number of GiB from 1 to 32"
  must_be API_MIN_INSTANCES '[0-9]+' "a number"
  must_be OPS_MIN_INSTANCES '[0-9]+' "a number"
  must_count JOB_MAX_RETRIES 0 10
  must_count JOB_RUNS_PER_MINUTE 1 900
  must_count JOB_TASK_RUNS 1 200
  must_count JOB_TIMEOUT_S 60 86400
  must_count JOB_RUN_SECONDS 1 3600
  must_count QUERY_GIB_PER_DAY 1 999999
  must_count QUERY_GIB_PER_ACCOUNT 1 999999
  must_count REGION_VCPUS 1 999999
  must_count REGION_MEMORY_GIB 1 999999
  for name in KEY_ROTATION_DAYS {API,OPS}_CONCURRENCY {API,OPS}_MEMORY_MIB {API,OPS}_MAX_INSTANCES OPS_TIMEOUT_S; do
    must_be "$name" '[1-9][0-9]{0,5}' "a number above 0"
  done
  for name in API_CONCURRENCY OPS_CONCURRENCY; do
    ((${!name} <= 1000)) || refuse "$name in $SETTINGS_FILE is above 1000, which no instance answers at once."
  done
  ((OPS_TIMEOUT_S <= 1800)) || refuse "OPS_TIMEOUT_S in $SETTINGS_FILE is above 1800, and Cloud Scheduler waits no longer."
  for name in DAILY_SCHEDULE SWEEP_SCHEDULE; do
    must_be "$name" '[^ ]+( [^ ]+){4}' "a schedule of five fields like 0 6 * * *"
  done
  for name in REPOSITORY QUEUE NOTIFICATION_QUEUE KEY_RING KEY WEBHOOK_SECRET JWT_SECRET API_SERVICE OPS_SERVICE \
    RUNNER_JOB MIGRATE_JOB; do
    must_be "$name" '[A-Za-z][A-Za-z0-9-]{0,61}' "a name of letters, digits and hyphens"
  done
  for name in REPOSITORY API_SERVICE OPS_SERVICE RUNNER_JOB MIGRATE_JOB; do
    must_be "$name" '[a-z][a-z0-9-]{0,47}[a-z0-9]' "a name of lower-case letters, digits and hyphens"
  done
  for name in JWT_ISSUER JWT_JWKS_URL; do
    must_be "$name" 'https://[^ ]+' "an address like https://example.com"
  done
  if [[ -n ${JWT_SECRET:-} && -n ${JWT_JWKS_URL:-} ]]; then
    refuse "$SETTINGS_FILE has JWT_SECRET and JWT_JWKS_URL; sessions are verified in one way."
  fi
  if [[ -n ${JWT_SECRET:-}${JWT_JWKS_URL:-} && -z ${JWT_ISSUER:-} ]]; then
    refuse "$SETTINGS_FILE says how sessions are verified, so it needs JWT_ISSUER too."
  fi
  must_be CONSOLE 'on|off' "on or off"
  must_be CONSOLE_URL 'https://[a-z0-9.-]+(:[0-9]{1,5})?' "an origin like https://api.example.com"
  must_be CONSOLE_CLIENT_ID '[!-~]{1,200}' "the id of a client"
  if [[ -n ${CONSOLE_CLIENT_ID:-} && ( -z ${CONSOLE_URL:-} || -z ${JWT_JWKS_URL:-} ) ]]; then
    refuse "$SETTINGS_FILE has CONSOLE_CLIENT_ID, so it needs CONSOLE_URL and JWT_JWKS_URL too."
  fi
  must_be CORS_ORIGINS 'https?://[a-z0-9.-]+(:[0-9]{1,5})?(,https?://[a-z0-9.-]+(:[0-9]{1,5})?)*' \
    "a list of origins like https://app.example.com,https://example.com"
  must_be ALERT_EMAIL '[^@ ]+@[^@ ]+' "an e-mail address"
  must_be OPERATORS '(user|group|serviceAccount):[^@, ]+@[^@, ]+(,(user|group|serviceAccount):[^@, ]+@[^@, ]+)*' \
    "a list like group:ops@example.com,user:jo@example.com"
}

# email ACCOUNT: of the service account that does this.
email() {
  echo "$PREFIX$1@$PROJECT.iam.gserviceaccount.com"
}

# member ACCOUNT: the same, as policies name it.
member() {
  echo "serviceAccount:$PREFIX$1@$PROJECT.iam.gserviceaccount.com"
}

EXTRA_VARIABLES=()
read_names
read_settings
require_settings
check_settings

# shellcheck disable=SC2034 # the scripts use them
{
  ACCOUNTS=(api ops runner migrator dispatcher scheduler operator builder reader)
  KEY_NAME=projects/$PROJECT/locations/$REGION/keyRings/$KEY_RING/cryptoKeys/$KEY
  REGISTRY=$REGION-docker.pkg.dev/$PROJECT/$REPOSITORY
}
