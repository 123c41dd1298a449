#!/bin/bash
# Service and schedule in one container, for places where a disk belongs to one service (Render).
# If either ends, so does the container, and whoever runs it starts it anew.
set -euo pipefail

recomart-first-run
recomart schedule --cron "${SCHEDULE_CRON:-0 3 * * *}" &
recomart serve --host 0.0.0.0 --port "${PORT:-8000}" &

stop() { kill $(jobs -p) 2>/dev/null || true; }
trap stop TERM INT
status=0
wait -n || status=$?   # one has ended, or both are told to
stop
wait || true           # each ends in order: answers in work, a run that goes on
exit "$status"
