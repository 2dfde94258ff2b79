# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Show and clear this user's cache directory, for ``ansible-svc cache``, and leave the agent's own code there."""

from __future__ import annotations

from ansible_svc.service import AllowParents, Service, expose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.target.cache import Cache
    from ansible_svc.target.own_code import OwnCode


class CacheService(Service):
    """Answer for an agent's cache directory.

    Parameters:
        cache: the directory.
        own_code: what the agent itself runs.

    Threads: any.
    """

    def __init__(self, router: Any, cache: Cache, own_code: OwnCode) -> None:
        super().__init__(router)
        self._cache = cache
        self._own_code = own_code

    def on_shutdown(self) -> None:
        """Keep what was compiled since the agent was ready."""
        self._own_code.keep()

    @expose(policy=AllowParents())
    def show(self) -> dict[str, Any]:
        """Return what Cache.show does."""
        return self._cache.show()

    @expose(policy=AllowParents())
    def clear(self) -> dict[str, Any]:
        """Do what Cache.clear does."""
        return self._cache.clear()
