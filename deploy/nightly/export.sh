#!/usr/bin/env bash
# An example for a shop with PostgreSQL: writes all orders to the file $LOG.
set -euo pipefail
psql service=shop --quiet --command "\copy (
    select customer_id as user, product_id as item, extract(epoch from ordered_at) as time
    from orders order by ordered_at) to stdout csv header" > "$LOG"
