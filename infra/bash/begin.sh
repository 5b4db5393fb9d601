# shellcheck shell=bash
# What every script of infra/ begins with: strict mode, its own help, --settings and --dry-run, and the parts it is made
# of. Sourced; a script with flags of its own defines `takes_flag FLAG NEXT` before, which sets TAKEN to 2 where it took
# a value too.

set -euo pipefail
shopt -s inherit_errexit
CALLED_FROM=$PWD
SCRIPT=infra/${0##*/}
cd "${BASH_SOURCE[0]%/*}/../.."
# shellcheck disable=SC2034 # the other parts use it
SETTINGS_FILE=infra/env
DRY_RUN=0
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

# die SENTENCE…: ends the script; 1 is a step that failed.
die() {
  printf '%s: %s\n' "$SCRIPT" "$*" >&2
  exit 1
}

# refuse SENTENCE…: ends the script before it has done anything; 2 is a wrong call or wrong settings.
refuse() {
  printf '%s: %s\n' "$SCRIPT" "$*" >&2
  exit 2
}

# The comment that a script begins with.
print_help() {
  sed -n '2,/^$/ s/^# \{0,1\}//p' "$SCRIPT"
}

read_flags() {
  while (($#)); do
    TAKEN=1
    case $1 in
      --help)
        print_help
        exit 0
        ;;
      --dry-run) DRY_RUN=1 ;;
      --settings)
        SETTINGS_FILE=$(path_of "${2:-}")
        TAKEN=2
        ;;
      *) takes_flag "$1" "${2:-}" || refuse "$1 ${2:-} is not understood; --help tells what is." ;;
    esac
    shift "$TAKEN"
  done
}

# A path as whoever called meant it.
path_of() {
  [[ -n $1 ]] || refuse "--settings needs a file."
  if [[ $1 == /* ]]; then echo "$1"; else echo "$CALLED_FROM/$1"; fi
}

need_programs() {
  local program
  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || refuse "bash 4.4 or newer is needed; this is $BASH_VERSION."
  for program in "$@"; do
    command -v "$program" >/dev/null || refuse "$program is needed and was not found."
  done
}

declare -F takes_flag >/dev/null || takes_flag() { return 1; }
read_flags "$@"
need_programs gcloud jq
. infra/bash/settings.sh
. infra/bash/gcloud.sh
. infra/bash/grants.sh
