#!/usr/bin/env python3
import os
import sys

print("script", sys.argv[1:], os.environ.get("WORD"))
sys.exit(0 if len(sys.argv) < 4 else 7)
