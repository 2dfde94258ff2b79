# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Let a remote host download files by calling back.

    python examples/file_service.py --host managed.example.com /etc/hosts /etc/hostname

connects to the host over ssh, starts a Pool of one thread here, and has the host fetch each file from it:
first by name, then through the older form of the same service, by handle. It prints what arrived there.

**The service is deliberately naive.** Everyone below this process may read every file that this process can
read, and a file is one message. See ansible_svc/services/files.py for how it is done when it matters: grants
per host and digest, pieces, and flow control.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import mitogen.core
import mitogen.master

from ansible_svc.service import AllowAny, Pool, Service, arg_spec, call, expose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service import Request


class FileService(Service):
    """Hand out files: ``call(context, FileService, "fetch", path=...)``."""

    @expose(policy=AllowAny())
    @arg_spec({"path": str})
    def fetch(self, path: str) -> bytes:
        """Return what a file holds."""
        return Path(path).read_bytes()


class OldFileService(Service):
    """Hand out files in the older form: ``call(context, 500, {"path": ...})``."""

    handle = 500
    required_args = {"path": str}  # noqa: RUF012  (as services of the older form have it)

    def dispatch(self, args: dict[str, Any], msg: Request) -> bytes:
        """Return what a file holds."""
        print(f"context {msg.src_id} wants {args['path']}", file=sys.stderr)
        return Path(args["path"]).read_bytes()


# -- runs on the remote host


@mitogen.core.takes_econtext
def download(paths: list[str], older_form: bool, econtext: Any) -> dict[str, str]:
    """Fetch files from the controller; return their digests by path, or what went wrong instead."""
    arrived = {}
    for path in paths:
        try:
            if older_form:
                data = call(econtext.master, OldFileService.handle, {"path": path}, timeout_s=30)
            else:
                data = call(econtext.master, FileService, "fetch", path=path, timeout_s=30)
        except OSError as exc:
            # FileNotFoundError of the far side arrives as one, and so does a lost connection.
            arrived[path] = f"error: {exc}"
        else:
            arrived[path] = f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"
    return arrived


# -- runs here


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--host", required=True, help="whom to connect to")
    parser.add_argument("--port", type=int, default=22)
    parser.add_argument("--user")
    parser.add_argument("--identity-file")
    parser.add_argument("--known-hosts", help="a known_hosts file; without it that of the user")
    parser.add_argument("--python", default="python3", help="Python of the host (default: %(default)s)")
    parser.add_argument("paths", nargs="+", metavar="path", help="files of this machine for the host to download")
    options = parser.parse_args(arguments)

    ssh_args = ["-F", "none"]
    if options.known_hosts:
        ssh_args += ["-o", f"UserKnownHostsFile={options.known_hosts}"]

    broker = mitogen.master.Broker(install_watcher=False)
    try:
        router = mitogen.master.Router(broker)
        with Pool(router, services=[FileService(router), OldFileService(router)], size=1):
            context = router.ssh(
                hostname=options.host,
                port=options.port,
                username=options.user,
                identity_file=options.identity_file,
                check_host_keys="enforce",
                ssh_args=ssh_args,
                python_path=options.python,
            )
            for older_form in (False, True):
                for path, what in context.call(download, options.paths, older_form).items():
                    print(f"{'by handle' if older_form else 'by name'}: {path}: {what}")
    finally:
        broker.shutdown()
        broker.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
