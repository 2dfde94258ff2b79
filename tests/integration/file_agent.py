# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service for managed hosts that writes and reads what a test asks for. Sent to them by mitogen."""

from __future__ import annotations

import os

from ansible_svc.service import AllowParents, Service, expose
from ansible_svc.target import file_reader
from ansible_svc.target.blobs import fetch_from
from ansible_svc.target.file_writer import FileWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service import Request


class FileAgent(Service):
    """Expose what ansible_svc.target offers for files, as an agent does."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self._writer = FileWriter(fetch_from(router))

    @expose(policy=AllowParents())
    def pid(self) -> int:
        return os.getpid()

    @expose(policy=AllowParents())
    def cpu_s(self) -> float:
        return sum(os.times()[:2])

    @expose(policy=AllowParents(), wants_request=True)
    def write_file(
        self,
        path: str,
        digest: str,
        size: int,
        request: Request,
        mode: int | None = None,
        creation_mode: int = 0o600,
        content: bytes | None = None,
    ) -> None:
        self._writer.write(path, digest, size, mode, creation_mode, content, request)

    @expose(policy=AllowParents())
    def read_piece(self, path: str, offset: int, length: int) -> dict[str, Any]:
        return file_reader.read_piece(path, offset, length)

    @expose(policy=AllowParents())
    def digest_prefix(self, path: str, length: int) -> str:
        return file_reader.digest_prefix(path, length)
