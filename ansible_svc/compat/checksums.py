# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answer the copy action's question for the checksum of a local file.

Uses of ``ansible.plugins.action.copy`` (2.19 to 2.21): ``ActionModule._copy_file`` calls ``checksum``, a global of its
module that is ``ansible.utils.hashing.secure_hash``, with the path of the file: it reads the whole file for each host.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

_thread = threading.local()


def ask_first(copy: type[Any]) -> None:
    """Have a copy action's class look for a checksum where ``known_by`` says; a second call changes nothing."""
    names = copy._copy_file.__globals__
    stock = names["checksum"]
    if hasattr(stock, "__wrapped__"):
        return

    @functools.wraps(stock)
    def checksum(filename: str, *args: Any, **kwargs: Any) -> Any:
        known = getattr(_thread, "known", None)
        found = known(filename) if known is not None and not args and not kwargs else None
        return stock(filename, *args, **kwargs) if found is None else found

    names["checksum"] = checksum


@contextlib.contextmanager
def known_by(known: Callable[[str], str | None]) -> Iterator[None]:
    """Let a function be asked for checksums on this thread.

    Parameters:
        known: returns the sha1 of a file's content; None when ansible-core is to read the file itself.
    """
    _thread.known = known
    try:
        yield
    finally:
        _thread.known = None
