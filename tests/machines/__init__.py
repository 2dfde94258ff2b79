# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give Molecule hosts that share nothing: each is a set of namespaces with an overlay of this machine as its root.

Every host has an ssh server, a file tree, a process table, a network and accounts of its own, and is one process
tree that ends with one signal. That takes root; without it a host is just an ssh server of the current user, and what
needs more than that says so (`Machines.isolated`). Everything listens on loopback.
"""

from __future__ import annotations
