# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Boot an agent over a mitogen connection, from the side that connects.

In place of mitogen's own first stage, which waits for the source of mitogen.core and then asks for one module after the
other: one command that names an archive of everything by its digest (see first_stage.py). The far side answers that
it is ready, or that it needs the archive; it never has to be asked what it is.
"""

from __future__ import annotations

import binascii
import json
import logging
import re
import zlib
from typing import Any, ClassVar

import mitogen.parent

from ansible_svc.names import READY
from ansible_svc.target.first_stage import NEEDED
from ansible_svc.target.line import lay_over

LOG = logging.getLogger("ansible_svc.target")

#: What is written to standard error by an interpreter that is too old.
NO_PYTHON = "ansible-svc: no python found"
OLDEST_PYTHON = (3, 8)

# Python 2 and 3: tells an interpreter that is too old before anything is compiled that it could not read.
_COMMAND = (
    "import sys,binascii,zlib;"
    "sys.path=[p for p in sys.path if p];"
    f"sys.version_info<{OLDEST_PYTHON!r} and sys.exit({NO_PYTHON!r});"
    "exec(zlib.decompress(binascii.a2b_base64(sys.argv[1]),-15).decode(),{'__name__':'first_stage'})"
)


class Boot:
    """What agents of one kind are booted with.

    Parameters:
        first_stage: the text of the program that the boot command carries; see ``first_stage``.
        digest, archive: the archive and its name.
        cache: the directory of the cache on the host, or None.
        agent: settings for boot.begin; JSON.
    """

    def __init__(self, first_stage: str, digest: str, archive: bytes, cache: str | None, agent: dict[str, Any]) -> None:
        self.first_stage = first_stage
        self.digest = digest
        self.archive = archive
        self.cache = cache
        self.agent = agent

    def arguments(self, context: dict[str, Any]) -> list[str]:
        """Return an interpreter's arguments that make it an agent.

        Parameters:
            context: configuration of mitogen's ExternalContext.
        """
        settings = {
            "digest": self.digest,
            "size": len(self.archive),
            "cache": self.cache,
            "context": context,
            "agent": self.agent,
        }
        text = f"{self.first_stage}\nstart({settings!r},sys.modules['__main__'].__dict__)\n"
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(text.encode()) + packer.flush()
        return ["-c", _COMMAND, binascii.b2a_base64(packed, newline=False).decode()]


class BootProtocol(mitogen.parent.BootstrapProtocol):
    """Answers what the first stage writes. Everything else that comes before, such as a banner, is skipped.

    Threads: the broker's only.
    """

    def _on_needed(self, line: bytes, match: Any) -> None:
        self._writer.write(self.stream.conn.options.boot.archive)

    def _on_ready(self, line: bytes, match: Any) -> bool:
        connection = self.stream.conn
        connection.context.svc_facts = json.loads(line[match.end() :])
        connection._complete_connection()
        if connection.options.boot.agent["packed"]:
            lay_over(connection.stdio_stream.protocol, connection.on_broken_line)
        return False

    PATTERNS: ClassVar = [(re.compile(re.escape(NEEDED)), _on_needed), (re.compile(re.escape(READY)), _on_ready)]


class BootOptions(mitogen.parent.Options):
    """Options of BootConnection: ``boot``, see Boot."""

    def __init__(self, boot: Boot, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boot = boot


class BootConnection(mitogen.parent.Connection):
    """A mitogen connection that ends at an agent. When it is there, its context has ``svc_facts``; see boot.py."""

    options_class: ClassVar[Any] = BootOptions
    stream_protocol_class = BootProtocol

    def get_boot_command(self) -> list[str]:
        """Return the command that becomes an agent."""
        arguments: list[str] = self.options.boot.arguments(self.get_econtext_config())
        return [*self.get_python_argv(), *arguments, self.options.remote_name]

    def on_broken_line(self, broker: Any, error: Exception) -> None:
        """End the connection, because what arrives is not what an agent sends."""
        LOG.error("%s: %s", self.stdio_stream.name, error)
        self.stdio_stream.on_disconnect(broker)
