#!/bin/sh
# Taobao with the ComiRec protocol: UserBehavior.csv, about 85 million clicks, 1.7 million items.
# The same commands as books.sh; models read the newest 50 events of a history.
#
#   sh runs/taobao.sh LOG ITEMS OUT [cuda]
MAX_LEN=50 exec sh "$(dirname "$0")/books.sh" "$@"
