#!/usr/bin/python3
import json

arguments = json.loads("""<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>""")
print(json.dumps({"changed": False, "name": arguments["name"]}))
