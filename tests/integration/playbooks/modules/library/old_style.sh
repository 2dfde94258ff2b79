#!/bin/sh
# The arguments are in a file, as name=value.
. "$1"
printf '{"changed": false, "name": "%s", "count": "%s"}\n' "$name" "$count"
