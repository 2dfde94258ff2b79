# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run ansible-core's own integration targets under a strategy and hold the result against stock.

What passes under stock `linear` must pass under `svc_linear`. The targets come from the sdist of the ansible-core
release in question and are run as ansible-test runs them, each in a throw-away private host of its own: namespaces,
an overlay of this machine's files, and a real sshd on port 22.

    python -m tests.conformance list
    python -m tests.conformance run --strategy svc_linear --subset quick
    python -m tests.conformance table

Needs root on Linux with overlayfs; downloads the sdist and a few Python packages once per ansible-core version.
Nothing of ansible-core's is kept in this repository.
"""

from __future__ import annotations
