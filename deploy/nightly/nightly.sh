#!/usr/bin/env bash
# One night of Prismrec: export, prepare, train, add items, check, publish, reload, import. See
# docs/nightly.md.
#
# Settings are environment variables; nightly.env is an example. Exit codes: 0 a new version is
# served; 3 the gate refused it; 1 the service refused it, or a step failed; any other: a step
# failed. Only the step "publish" changes versions/current, and only at once, so a night that is
# stopped at any moment changes nothing.
set -euo pipefail

: "${PRISMREC_HOME:?Set PRISMREC_HOME to the folder of the work files and of the versions.}"
: "${PRISMREC_EXPORT:?Set PRISMREC_EXPORT to a command that writes the event log to the file \$LOG.}"
: "${PRISMREC_RELOAD:?Set PRISMREC_RELOAD to a command that reloads the service.}"
work=$PRISMREC_HOME/work versions=$PRISMREC_HOME/versions
current=$versions/current

step() { printf '%s  %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }
refuse() { step "$*"; exit 1; }

# Makes an array of the words of a setting. Quotes and backslashes are as in a shell; nothing is run
# or expanded.
split() {
    local -n array=$1
    local text=${!2:-$3} words
    words=$(xargs -r printf '%s\n' <<< "$text" 2> /dev/null) ||
        refuse "$2 is $text, which has a quote or a backslash without its end; close it"
    array=()
    [[ -z $words ]] || mapfile -t array <<< "$words"
}

split prismrec PRISMREC_COMMAND prismrec
split prepare_flags PRISMREC_PREPARE "--split by-time --valid 0.05 --test 0.05"
split train_flags PRISMREC_TRAIN ""
split full_flags PRISMREC_TRAIN_FULL ""
split gate_flags PRISMREC_GATE ""
split add_flags PRISMREC_ADD ""
split import_flags PRISMREC_IMPORT "--newest 500"
keep=${PRISMREC_KEEP:-7} full=${PRISMREC_FULL:-no}
[[ $keep =~ ^([2-9]|[1-9][0-9]+)$ ]] ||
    refuse "PRISMREC_KEEP is $keep, which is not a number of versions; set it to 2 or more"
[[ $full == yes || $full == no ]] || refuse "PRISMREC_FULL is $full; set it to yes or no"

# The import reads the same log, but after the reload. Without these flags it would fail, or read
# dislikes as likes.
of_log="^--((user|item|time)-column|time-unit|time-format|delimiter|encoding|dislikes)$"
for flag in "${prepare_flags[@]%%=*}"; do
    [[ $flag =~ $of_log && ${import_flags[0]:-} != no ]] || continue
    [[ " ${import_flags[*]%%=*} " == *" $flag "* ]] || refuse \
        "PRISMREC_IMPORT lacks $flag, which PRISMREC_PREPARE has; add it, or set it to no"
done

mkdir -p "$work"
exec 9> "$PRISMREC_HOME/nightly.lock"
flock --nonblock 9 || { step "another night is running"; exit 1; }
# Without the version before there would be no gate.
[[ ! -L $current || -e $current ]] || refuse "$current links to $(readlink "$current"), which does" \
    "not exist; roll back to an earlier version, or publish an artifact (prismrec rollback, publish)"

step "export"
rm -rf "$work/events.part"  # of a night that was stopped
LOG=$work/events.part bash -euo pipefail -c "$PRISMREC_EXPORT"
if [[ ! -s $work/events.part ]]; then
    step "the export wrote no events to \$LOG ($work/events.part); check PRISMREC_EXPORT"
    exit 1
fi
rm -rf "$work/events"  # a folder would get the new one into it
mv "$work/events.part" "$work/events"

step "prepare"
"${prismrec[@]}" prepare "$work/events" --out "$work/data" "${prepare_flags[@]}"

if [[ -e $current && $full != yes ]]; then
    step "train from $(readlink "$current")"
    train_flags=(--from "$current" "${train_flags[@]}")
else
    step "train from the beginning"
    train_flags+=("${full_flags[@]}")
fi
"${prismrec[@]}" train "$work/data" --out "$work/new" --quiet "${train_flags[@]}"

if (( ${#add_flags[@]} )); then
    step "add items"
    "${prismrec[@]}" add "$work/new" --out "$work/new" "${add_flags[@]}"
fi

if [[ -e $current ]]; then
    step "check"
    "${prismrec[@]}" evaluate "$work/new" "$current" --data "$work/data" --gate "${gate_flags[@]}"
fi

before=$(readlink "$current" || true)
step "publish"
"${prismrec[@]}" publish "$work/new" --to "$versions" --keep "$keep"

published=$(readlink "$current" || true)  # 000007-0123456789ab
step "reload"
# Without the lock: a service that the command starts would hold it after the night.
if ! ARTIFACT=${published#*-} bash -euo pipefail -c "$PRISMREC_RELOAD" 9>&-; then
    if [[ -z $before ]]; then
        step "the service did not load the first version: versions/current is removed"
        rm "$current"
    elif [[ $(readlink "$current") != "$before" ]]; then
        step "the service did not load the new version: back to the version before"
        "${prismrec[@]}" rollback "$versions" || step "versions/current was not switched back"
    else
        step "the service did not load the version again; versions/current did not change"
    fi
    exit 1
fi

if [[ ${import_flags[0]:-} != no ]]; then
    step "import"
    "${prismrec[@]}" events import "$work/events" "${import_flags[@]}"
fi
step "done"
