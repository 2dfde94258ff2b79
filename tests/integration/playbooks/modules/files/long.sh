#!/bin/sh
exec sleep 606
