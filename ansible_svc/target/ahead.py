# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a zygote does for all its runners before they run: compile files, import what these need, keep the code.

Only the base module_utils are imported themselves; of all other files, what they need of the standard library.
"""

from __future__ import annotations

import contextlib
import gc
import sys

from ansible_svc.target import pipes, popen, stdlib
from ansible_svc.target.code_cache import CodeCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from ansible_svc.target.payload import PayloadImporter

# What tracebacks of modules show as the place of their code; nothing is ever opened there.
_ROOT = "/tmp/ansible_payload.zip"  # noqa: S108


class Ahead:
    """The code of a zygote's bundles.

    Parameters:
        importer: serves the bundles, and remembers what is compiled.

    Threads: one.
    """

    def __init__(self, importer: PayloadImporter) -> None:
        self._importer = importer
        self._cache: CodeCache | None = None
        self._runs: dict[str, int] = {}
        #: (digest, path) of files for which everything was imported that they need of the standard library
        self._warm: set[tuple[str, str]] = set()

    def keep_in(self, directory: str, limit_bytes: int) -> None:
        """Keep compiled code in a directory, and look for it there; see CodeCache."""
        self._cache = CodeCache(directory, limit_bytes)

    def look_for(self, bundle: str) -> None:
        """Have at hand what an earlier zygote has kept of a bundle's code."""
        if self._cache is not None:
            self._importer.offer(self._cache.load(bundle))

    def use(self, files: dict[str, str]) -> None:
        """Have the importer serve a bundle's files, path -> digest."""
        self._importer.use(files, _ROOT)

    def import_base(self, files: dict[str, str], modules: Iterable[str]) -> dict[str, str]:
        """Import modules of a bundle, for good. Returns path -> digest of all that was loaded for them."""
        self.use(files)
        with _all_of_it_stays():
            for name in modules:
                __import__(name)
            popen.lay_over()
            pipes.lay_over(sys.modules.get("ansible.module_utils.basic"))
        imported = self._importer.imported()
        self._warm.update((digest, path) for path, digest in imported.items())
        return imported

    def prepare(self, bundle: str, files: dict[str, str], fqn: str) -> None:
        """Compile files of a bundle that is about to run, and import what they need of the standard library.

        The first run gets what its module imports when it is loaded. Much may never be needed: the rest is for those
        modules that are run again.
        """
        runs = self._runs[bundle] = self._runs.get(bundle, 0) + 1
        if runs == 1:
            self._warm_up(files, self._importer.reached(fqn))
        elif runs == 2:
            self._warm_up(files, files)

    def keep(self, bundle: str, files: dict[str, str]) -> None:
        """Keep for later zygotes what was just compiled of a bundle that has been started."""
        if self._cache is None or self._runs[bundle] > 2:
            return
        try:
            self._cache.keep(bundle, self._importer.compiled(files))
        except OSError:
            self._cache = None  # the agent meets the same and tells of it

    def _warm_up(self, files: dict[str, str], paths: Iterable[str]) -> None:
        self.use(files)
        with _all_of_it_stays():
            for path in paths:
                key = files[path], path
                if path.endswith(".py") and key not in self._warm:
                    self._warm.add(key)
                    self._import_for(path)

    def _import_for(self, path: str) -> None:
        try:
            names = stdlib.imports(self._importer.code_of(path))
        except (SyntaxError, ValueError):
            return  # the runner meets the same error, and reports it as the module's own
        for name in names:
            try:
                __import__(name)
            except ImportError:
                continue  # not built into this Python; the module will find out by itself


@contextlib.contextmanager
def _all_of_it_stays() -> Iterator[None]:
    """Look for no garbage among what is compiled and imported, now or later: there is hardly any."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
