# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The only place that touches private names of ansible-core or mitogen.

Each file covers one subject for every supported ansible-core release (2.19, 2.20, 2.21) and says which names it uses.
"""
