#!/bin/sh
echo "hello $*"
echo "to stderr" >&2
