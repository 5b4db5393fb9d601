# shellcheck shell=bash
# Runs gcloud and bq: `look` reads, `change` changes or, with --dry-run, prints. Keeps what was changed for the summary
# and stops at the first command that fails. Knows no resource.

CHANGES=()
ATTEMPTS=7                        # of a command that fails for a passing reason:
RETRY_PAUSE_S=${RETRY_PAUSE_S:-10} # an API, a role or a service account just made takes up to a minute to be known
DENIED='PERMISSION_DENIED|Permission .* denied|not have permission|HTTPError 403|Access Denied'
MISSING='\bNOT_FOUND\b|\bNotFound\b|HTTPError 404|Not found:|was not found|could not be found|does not exist|Cannot find'
DISABLED='SERVICE_DISABLED|has not been used in project|API .* not enabled'
SLOW='take up to 10 minutes' # what a metric that was just made is asked for
UNKNOWN='Unknown service account|or it may not exist' # how Google speaks of an account that was just made
PASSING="$DISABLED|$SLOW|$UNKNOWN|Service account .* does not exist|Role .* does not exist"
# The same of who is named in a dataset's access, or was deleted and made again. [?] These words are guesses: nothing that
# we have read or met says them (docs/adr/0017).
PASSING+="|User .* does not exist|IAM setPolicy failed|Invalid IAM .*member|deleted:serviceAccount"
PASSING+="|concurrent policy changes|UNAVAILABLE|HTTPError 50[0-9]|try again (later|soon)"

# The project for every gcloud, and no questions.
export CLOUDSDK_CORE_PROJECT=$PROJECT CLOUDSDK_CORE_DISABLE_PROMPTS=1

# say WORDS…: where we are.
say() {
  printf '%s\n' "$*" >&2
}

# look COMMAND…: what it prints; nothing where what it asks for does not exist.
look() {
  local attempt
  for ((attempt = 1; ; attempt++)); do
    if "$@" >"$SCRATCH/seen" 2>"$SCRATCH/errors" </dev/null; then
      cat "$SCRATCH/seen"
      return
    fi
    cat "$SCRATCH/seen" >>"$SCRATCH/errors" # bq tells its errors there
    if is_told "$PASSING"; then
      # What no API is there for cannot exist, nor an account that a dry run has not made.
      if ((DRY_RUN)) && is_told "$DISABLED|$UNKNOWN"; then return; fi
      if ((attempt < $(attempts))); then
        sleep "$RETRY_PAUSE_S"
        continue
      fi
    fi
    if is_missing; then
      return
    else
      fail "$@"
    fi
  done
}

# change WORDS COMMAND…: runs it; WORDS say what has happened then.
change() {
  local words=$1 attempt
  shift
  if ((DRY_RUN)); then
    quoted "$@"
    echo
  else
    for ((attempt = 1; ; attempt++)); do
      "$@" >"$SCRATCH/seen" 2>"$SCRATCH/errors" </dev/null && break
      cat "$SCRATCH/seen" >>"$SCRATCH/errors"
      if ! is_told "$PASSING" || ((attempt >= $(attempts))); then fail "$@"; fi
      sleep "$RETRY_PAUSE_S"
    done
    say "  $words"
  fi
  CHANGES+=("$words")
}

# A refusal is never taken for a "no": it may name what it refuses.
is_missing() {
  is_told "$MISSING" && ! is_told "$DENIED"
}

# Some things are known everywhere within a minute, and some within ten.
attempts() {
  if is_told "$SLOW"; then echo $((ATTEMPTS * 11)); else echo "$ATTEMPTS"; fi
}

is_told() {
  grep -qiE "$1" "$SCRATCH/errors"
}

# pick JSON FILTER…: what jq finds in what a command printed; nothing where that is nothing.
pick() {
  [[ -z $1 ]] || jq -r "${@:2}" <<<"$1"
}

# has_line TEXT LINE: whether the line is one of the text's.
has_line() {
  [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]
}

# query_quota UNIT LIST: the MiB of queries that were set for it, in a list of BigQuery's quotas; nothing where none were.
query_quota() {
  pick "$2" --arg unit "$1" '.[]? | select(.metric == "bigquery.googleapis.com/quota/query/usage") |
    .consumerQuotaLimits[]? | select(.unit == $unit) | .quotaBuckets[]? | select((.dimensions // {}) == {}) |
    .consumerOverride.overrideValue // empty'
}

# A command as one can paste it.
quoted() {
  printf '%q' "$1"
  shift
  if (($#)); then printf ' %q' "$@"; fi
}

fail() {
  {
    printf '%s stopped, because this failed:\n\n  %s\n\n' "$SCRIPT" "$(quoted "$@")"
    sed 's/^/  /' "$SCRATCH/errors"
    printf '\n%s What is done already stays, so run %s again then.\n' "$(advice)" "$SCRIPT"
  } >&2
  exit 1
}

advice() {
  if is_told 'Reauthentication|auth login'; then
    echo "Log in: gcloud auth login."
  elif is_told "$DENIED"; then
    echo "You may lack the right, or it was granted minutes ago and is not known everywhere yet (up to 7 minutes)."
  elif is_told 'billing account|billing to be enabled'; then
    echo "The project needs a billing account."
  elif is_told 'quota|RESOURCE_EXHAUSTED|429'; then
    echo "A quota of the project is used up; wait, or ask Google for more."
  else
    echo "Mend what it says."
  fi
}

# What has changed, in words; the last thing that a script prints.
summarize() {
  local words would=""
  if ((DRY_RUN)); then would=" (a dry run: nothing was done)"; fi
  if ((${#CHANGES[@]} == 0)); then
    say "$SCRIPT: nothing to change in $PROJECT."
    return
  fi
  say "$SCRIPT: ${#CHANGES[@]} changes in $PROJECT$would:"
  for words in "${CHANGES[@]}"; do say "  - $words"; done
}

if ((DRY_RUN)); then
  printf 'export CLOUDSDK_CORE_PROJECT=%q\n' "$PROJECT"
fi
