# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Show and clear this user's cache directory, for ``ansible-svc cache``."""

from __future__ import annotations

from ansible_svc.service import AllowParents, Service, expose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.target.cache import Cache


class CacheService(Service):
    """Answer for an agent's cache directory.

    Threads: any.
    """

    def __init__(self, router: Any, cache: Cache) -> None:
        super().__init__(router)
        self._cache = cache

    @expose(policy=AllowParents())
    def show(self) -> dict[str, Any]:
        """Return what Cache.show does."""
        return self._cache.show()

    @expose(policy=AllowParents())
    def clear(self) -> dict[str, Any]:
        """Do what Cache.clear does."""
        return self._cache.clear()
