#!/bin/sh
# Run one step of make or CI and print how many minutes it took: tools/step.sh "name" command ...
name=$1
shift
start=$(date +%s)
"$@"
status=$?
minutes=$(awk "BEGIN { printf \"%.1f\", ($(date +%s) - $start) / 60 }")
if [ $status -eq 0 ]; then result=done; else result="FAILED ($status)"; fi
echo "== step: $name: $minutes min, $result"
exit $status
