# shellcheck shell=bash
# Which installation this is: a label of the dataset DATASET, given once by infra/setup.sh and handed to every process.
# One that is torn down with its datasets and set up again is another (docs/adr/0013).

# shellcheck disable=SC2034 # infra/setup.sh gives it
INSTALLATION_LABEL=cloudact_installation

# look_at_dataset NAME: as JSON; nothing where there is none.
look_at_dataset() {
  look bq --project_id="$PROJECT" --format=json show --dataset "$PROJECT:$1"
}

# installation_of DATASET: the label of the dataset, which is given as JSON.
installation_of() {
  pick "$1" '.labels.cloudact_installation // ""'
}
