#!/bin/sh
# WANT_JSON: the arguments are in a file, as JSON.
name=$(sed -n 's/.*"name": "\([^"]*\)".*/\1/p' "$1")
printf '{"changed": false, "name": "%s"}\n' "$name"
