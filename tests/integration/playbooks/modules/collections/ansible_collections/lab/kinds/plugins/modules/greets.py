#!/usr/bin/python
"""Stand for the action plugin of the same name, which does the work."""
