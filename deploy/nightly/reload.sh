#!/usr/bin/env bash
# Reloads the service and fails if it refuses the new version, or loads another artifact than
# $ARTIFACT, which nightly.sh sets. A large artifact may take longer than the service, or a proxy,
# waits with its answer (504): then the service is asked for up to ten minutes what it has loaded.
# The key is read from the standard input, because other users of the machine can read the arguments
# of a process.
set -euo pipefail
address=${PRISMREC_ADDRESS:-http://127.0.0.1:8000} wanted=${ARTIFACT:-}

# Sends a request and sets answer and status.
ask() {
    answer=$(curl --silent --show-error --max-time 600 --config - --write-out '\n%{http_code}' \
        --request "$1" "$address$2" <<< "header = \"Authorization: Bearer ${RELOAD_KEY:-none}\"")
    status=${answer##*$'\n'} answer=${answer%$'\n'*}
}
has_loaded() { [[ ${answer//[[:space:]]/} == "{\"artifact\":\"$wanted\""* ]]; }

ask POST /v1/admin/reload
printf '%s\n' "$answer"
if [[ $status == 504 && -n $wanted ]]; then
    end=$((SECONDS + 600))
    until has_loaded || ((SECONDS >= end)); do
        sleep 1
        ask GET /v1/artifact
    done
    has_loaded && exit
    echo "the service has not loaded $wanted for ten minutes; see its log" >&2
    exit 1
fi
if [[ $status != 200 ]]; then
    echo "the service did not reload (status $status); see its log" >&2
    exit 1
fi
if [[ -n $wanted ]] && ! has_loaded; then
    echo "the service loaded another artifact than $wanted, which was published; start it with" \
        "the link versions/current" >&2
    exit 1
fi
