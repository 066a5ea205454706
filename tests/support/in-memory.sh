#!/usr/bin/env bash
# in-memory.sh COMMAND...: runs it with its temporary files in memory, when there is room. Tests make thousands of shops,
# none of which is meant to outlive them: on a disk, suites spend most of their time in syncs (projections 100 s, not 7).
set -euo pipefail
room_needed_mib=1024
room_mib=$(df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -n 1) || room_mib=0
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$room_mib" -ge $room_needed_mib ]; then
    export TMPDIR=/dev/shm
fi
exec "$@"
