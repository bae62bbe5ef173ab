#!/usr/bin/env bash
# Reloads the service and fails if it refuses the new version, or loads another artifact than
# $ARTIFACT, which nightly.sh sets. The key is read from the standard input, because other users of
# the machine can read the arguments of a process.
set -euo pipefail
address=${PRISMREC_ADDRESS:-http://127.0.0.1:8000}
answer=$(curl --fail --silent --show-error --max-time 600 --config - --request POST \
    "$address/v1/admin/reload" <<< "header = \"Authorization: Bearer ${RELOAD_KEY:-none}\"")
printf '%s\n' "$answer"
if [[ -n ${ARTIFACT:-} && ${answer//[[:space:]]/} != *"\"artifact\":\"$ARTIFACT\""* ]]; then
    echo "the service loaded another artifact than $ARTIFACT, which was published; start it with" \
        "the link versions/current" >&2
    exit 1
fi
