#!/usr/bin/env bash
# Makes threads.core and threads.json again. Needs as, ld and gdb with Python; every number in threads.json comes from
# gdb and from /proc, none from ckptree. Addresses and pids differ from run to run, so the two files go together.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d /tmp/corpus.XXXXXX)
pid=
trap 'test -z "$pid" || kill -9 "$pid"; rm -rf "$work"' EXIT

as -o "$work/threads.o" threads.s
ld -o "$work/threads" "$work/threads.o"
# An empty environment: what is in it would be in the core.
(cd "$work" && exec env -i ./threads >ready) &
pid=$!
until grep -q ready "$work/ready"; do sleep 0.1; done
# The process is between write() and pause() for a moment.
sleep 0.2
cp "/proc/$pid/maps" "$work/maps"
gdb -nx -batch -p "$pid" -ex "gcore $work/core" >"$work/log" 2>&1
CORE_MAPS="$work/maps" CORE_PID=$pid CORE_JSON=threads.json \
  gdb -nx -batch -ex 'source describe.py' "$work/threads" "$work/core" >"$work/log" 2>&1
cp "$work/core" threads.core
