# shellcheck shell=bash
# Who may what: reads the policy of a resource once and adds the bindings that it lacks. Takes none away.
# docs/permissions.md lists them all; a test compares.

# grants_on WHAT COMMAND… -- RESOURCE…: what is granted from here on is granted there.
#   grants_on "the queue runs" gcloud tasks queues -- runs --location=us-central1
grants_on() {
  GRANTED_ON=$1 GRANT_COMMAND=()
  shift
  while [[ $1 != -- ]]; do
    GRANT_COMMAND+=("$1")
    shift
  done
  shift
  GRANT_RESOURCE=("$@")
  HELD=$(look "${GRANT_COMMAND[@]}" get-iam-policy "${GRANT_RESOURCE[@]}" --format=json)
  HELD=$(unconditional "$HELD")
}

# The bindings of a policy, one a line. One with a condition is somebody else's, and does not count.
unconditional() {
  pick "$1" '.bindings[]? | select(.condition | not) | .role as $role | .members[] | "\($role) \(.)"'
}

# grant MEMBER ROLE
grant() {
  has_line "$HELD" "$2 $1" && return
  local unconditionally=()
  if [[ ${GRANT_COMMAND[*]} == "gcloud projects" ]]; then unconditionally=(--condition=None); fi
  change "granted ${2#roles/} on $GRANTED_ON to ${1#*:}" "${GRANT_COMMAND[@]}" add-iam-policy-binding \
    "${GRANT_RESOURCE[@]}" --member="$1" --role="$2" "${unconditionally[@]}"
}

# custom_role ID: a role of the project's own, as policies name it.
custom_role() {
  echo "projects/$PROJECT/roles/$1"
}
