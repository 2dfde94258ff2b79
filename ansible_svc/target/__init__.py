# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs on a managed host: the agent, its zygotes and their runners.

Nothing here imports ansible or anything outside the standard library at import time; every file runs on Python 3.8
and newer. ``agent`` lives in the mitogen child process. ``frames``, ``payload``, ``runner`` and ``zygote`` are also
sent as source into a zygote, a fresh interpreter that knows nothing of mitogen.
"""
