# shellcheck shell=bash
# The environment of each function and job: exactly the CLOUDACT_* that it reads (cloudact/settings.py), and no secret;
# those are named by their version in Secret Manager.

# variables_of PROCESS: of api, ops, runner or migrate, one NAME=value a line.
variables_of() {
  everyone_variables
  case $1 in
    api) api_variables ;;
    ops) ops_variables ;;
    runner) runner_variables ;;
  esac
  if ((${#EXTRA_VARIABLES[@]})); then printf '%s\n' "${EXTRA_VARIABLES[@]}"; fi
}

everyone_variables() {
  cat <<END
CLOUDACT_PROJECT=$PROJECT
CLOUDACT_LOCATION=$REGION
CLOUDACT_INSTALLATION=$INSTALLATION
CLOUDACT_BIGQUERY_LOCATION=$BIGQUERY_LOCATION
CLOUDACT_DATASET=$DATASET
CLOUDACT_QUEUE=$QUEUE
CLOUDACT_WEBHOOK_QUEUE=$NOTIFICATION_QUEUE
CLOUDACT_JOB=$RUNNER_JOB
CLOUDACT_KMS_KEY=$KEY_NAME
CLOUDACT_DISPATCHER_SERVICE_ACCOUNT=$(email dispatcher)
END
}

api_variables() {
  cat <<END
PYTHONPATH=/workspace
THREADS=$API_CONCURRENCY
CLOUDACT_READER_SERVICE_ACCOUNT=$(email reader)
CLOUDACT_WEBHOOK_SECRET=$WEBHOOK_SECRET_VERSION
END
  if [[ ${CONSOLE:-on} == on ]]; then echo "CLOUDACT_CONSOLE_SECRET=$WEBHOOK_SECRET_VERSION"; fi
  optional CLOUDACT_CONSOLE_URL "${CONSOLE_URL:-}"
  optional CLOUDACT_CONSOLE_CLIENT_ID "${CONSOLE_CLIENT_ID:-}"
  optional CLOUDACT_CORS_ORIGINS "${CORS_ORIGINS:-}"
  optional CLOUDACT_JWT_ISSUER "${JWT_ISSUER:-}"
  optional CLOUDACT_JWT_AUDIENCE "${JWT_AUDIENCE:-}"
  optional CLOUDACT_JWT_JWKS_URL "${JWT_JWKS_URL:-}"
  optional CLOUDACT_JWT_SECRET "${JWT_SECRET_VERSION:-}"
}

# OPS_AUDIENCE is the service's own address, which is known once it has been deployed. The daily call takes two thirds of
# the queue's rate, so that people's triggers need not wait behind it.
ops_variables() {
  cat <<END
PYTHONPATH=/workspace
THREADS=$OPS_CONCURRENCY
CLOUDACT_WEBHOOK_SECRET=$WEBHOOK_SECRET_VERSION
CLOUDACT_OPS_CALLERS=$(email scheduler),$(email operator)
CLOUDACT_DATASET_WRITERS=$(email runner),$(email migrator)
CLOUDACT_DATASET_READERS=$(email api)
CLOUDACT_JOB_RUNS_PER_MINUTE=$(((JOB_RUNS_PER_MINUTE * 2 + 2) / 3))
CLOUDACT_REGION_VCPUS=$REGION_VCPUS
CLOUDACT_REGION_MEMORY_GIB=$REGION_MEMORY_GIB
CLOUDACT_JOB_CPU=$JOB_CPU
CLOUDACT_JOB_MEMORY_GIB=$JOB_MEMORY_GIB
CLOUDACT_TASK_TIMEOUT_S=$JOB_TIMEOUT_S
CLOUDACT_TASK_RUNS=$JOB_TASK_RUNS
CLOUDACT_RUN_SECONDS=$JOB_RUN_SECONDS
END
  optional CLOUDACT_OPS_AUDIENCE "${OPS_URL:-}"
  if [[ $OPS_INVOKER == iam ]]; then echo CLOUDACT_OPS_INVOKER_CHECK=true; fi
}

# What the job is told of itself is what it is deployed with.
runner_variables() {
  cat <<END
CLOUDACT_READER_SERVICE_ACCOUNT=$(email reader)
CLOUDACT_WEBHOOK_SECRET=$WEBHOOK_SECRET_VERSION
CLOUDACT_TASK_MAX_RETRIES=$JOB_MAX_RETRIES
CLOUDACT_JOB_CPU=$JOB_CPU
CLOUDACT_JOB_MEMORY_GIB=$JOB_MEMORY_GIB
END
}

# optional NAME VALUE: nothing where there is no value.
optional() {
  [[ -z $2 ]] || echo "$1=$2"
}

# joined PROCESS: the same as gcloud takes it; values hold commas and @, and no setting a |.
joined() {
  local variables
  variables=$(variables_of "$1")
  echo "^|^${variables//$'\n'/|}"
}

# newest_version SECRET: the latest that is enabled, as settings name it.
newest_version() {
  local version
  version=$(look gcloud secrets versions list "$1" --filter=state=ENABLED --sort-by=~createTime --limit=1 \
    --format='value(name.basename())')
  if [[ -z $version ]]; then
    ((DRY_RUN)) || die "The secret $1 has no enabled version: run infra/setup.sh, or gcloud secrets versions add $1 --data-file=-"
    version=1
  fi
  echo "projects/$PROJECT/secrets/$1/versions/$version"
}
