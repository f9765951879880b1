#!/bin/sh
# Remembers how long each command of the Makefile last took, and lists the commands with those times.
#
#   sh tools/timing.sh run NAME COMMAND...   run COMMAND, remember its seconds and whether it failed
#   sh tools/timing.sh list MAKEFILE         a line for each target that carries a `## description`
set -u

REMEMBERED=_build/.seconds

run() {
    name=$1
    shift
    began=$(date +%s)
    "$@"
    status=$?
    seconds="$(($(date +%s) - began)) s"
    [ "$status" -eq 0 ] || seconds="$seconds, failed"
    mkdir -p "$REMEMBERED" && echo "$seconds" >"$REMEMBERED/$name"
    return "$status"
}

list() {
    grep -E '^[a-z-]+:.*## ' "$1" | sed -E 's/^([a-z-]+):.*## (.*)$/\1|\2/' | while IFS='|' read -r name does; do
        took="not run yet"
        [ ! -f "$REMEMBERED/$name" ] || took=$(cat "$REMEMBERED/$name")
        printf 'make %-12s %-15s %s\n' "$name" "$took" "$does"
    done
}

action=$1
shift
"$action" "$@"
