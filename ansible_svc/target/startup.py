# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make an agent of a process that has its code: fork what may become a zygote, then have mitogen come up.

Runs before anything of the archive can be imported; see first_stage.py.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from ansible_svc.target.archive import ArchiveImporter


def start(
    settings: dict[str, Any],
    scope: dict[str, Any],
    archive: ModuleType,
    importer: ArchiveImporter,
    directory: str | None,
    warm: bool,
) -> None:
    """Become an agent; returns when its work is over.

    Parameters:
        settings, scope: see first_stage.start.
        archive: archive.py, which nobody can import yet.
        importer: serves the archive.
        directory: of the cache, or None.
        warm: the archive came from there.
    """
    zygote = importer.run("ansible_svc.target.zygote_boot").fork(importer)
    exec(importer.compiled("mitogen.core"), scope)  # noqa: S102
    context = scope["ExternalContext"]
    context._reap_first_stage = lambda self: None  # it would wait for the zygote's end
    context._setup_resource_requester = lambda self: None
    handler = scope["LogHandler"]
    uncork, handler.uncork = handler.uncork, lambda self: None

    def set_up_importer(self: Any) -> None:
        # Everything that there is comes with the archive: what is not in it need not be asked for.
        sys.modules[archive.__name__] = archive
        sys.meta_path.insert(0, importer)
        self.importer = self.router.importer = importer

    def begin(econtext: Any) -> None:
        from ansible_svc.target.boot import begin

        begin(econtext, settings["agent"], directory, importer, warm, zygote)
        # no message may go before what begin() writes
        handler.uncork = uncork
        econtext.log_handler.uncork()

    context._setup_importer = set_up_importer
    context(dict(settings["context"], on_start=begin, core_src_fd=None, send_ec2=False)).main()
