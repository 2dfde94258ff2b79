# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that both sides of the wire share."""

from __future__ import annotations

#: The service through which the controller works on a managed host.
AGENT_SERVICE = "ansible_svc.target.agent.AgentService"
#: How much of a digest an agent tells of each blob that it has kept from earlier runs.
KEPT_LENGTH = 12
#: The service that starts agents as other users of a managed host.
BECOME_SERVICE = "ansible_svc.target.become_service.BecomeService"
#: The service that answers for the cache directory on a managed host.
CACHE_SERVICE = "ansible_svc.target.cache_service.CacheService"
#: The service that managed hosts fetch granted content from.
FILE_SERVICE = "ansible_svc.services.files.FileService"
#: Begins the line that a new agent writes when it listens to messages.
READY = b"ansible-svc: ready "
