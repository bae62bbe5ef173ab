#!/bin/sh
# Taobao under the ComiRec protocol: UserBehavior.csv, about 85 million clicks, 1.7 million items.
# As books.sh, with the newest 50 events of a history.
#
#   sh runs/taobao.sh LOG ITEMS OUT [cuda]
MAX_LEN=50 exec sh "$(dirname "$0")/books.sh" "$@"
