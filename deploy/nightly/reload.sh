#!/usr/bin/env bash
# Reloads the service and fails if it refuses the new version. The key is read from the standard
# input, because other users of the machine can read the arguments of a process.
set -euo pipefail
address=${PRISMREC_ADDRESS:-http://127.0.0.1:8000}
curl --fail --silent --show-error --max-time 600 --config - --request POST \
    "$address/v1/admin/reload" <<< "header = \"Authorization: Bearer ${RELOAD_KEY:-none}\""
echo
