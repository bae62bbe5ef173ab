#!/bin/sh
# Amazon Books with the ComiRec protocol, on a machine with a GPU and the published files
# (books_train.txt … or the raw reviews): about 8.9 million events, 368,000 items.
#
#   sh runs/books.sh LOG ITEMS OUT [cuda]
#
# LOG: one event per line, `user,item,time`, as the published script writes them.
# ITEMS: one item per line, `item,category`.
#
# To try it without the data: `python runs/subsample.py OUT` writes files in the same format, and
# STEPS=3000 limits ComiRec-SA, whose published settings run a million steps.
set -eu
log=$1 items=$2 out=$3 device=${4:-auto} length=${MAX_LEN:-20} steps=${STEPS:-1000000}
prismrec prepare "$log" --items "$items" --out "$out/data" --min-user-events 5 --min-item-events 5
prismrec train "$out/data" --out "$out/prism" --max-len "$length" --device "$device"
prismrec train "$out/data" --out "$out/comirec-sa" --extractor sa --set positions=slot --max-len "$length" \
  --readout hard --similarity dot --dropout 0 --negatives 1280 --targets random --batch-size 128 \
  --learning-rate 1e-3 --warmup 0 --schedule constant --no-sparse --device "$device" --no-single \
  --steps "$steps" --validate-every 1000 --patience 50
prismrec evaluate "$out/prism" "$out/data" "$out/comirec-sa" -k 20 -k 50 --report "$out/report"
