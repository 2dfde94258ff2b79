# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build the file tree that all private hosts of one ansible-core release and one Python share.

An image is a directory that overlayfs puts over this machine's root: the unpacked sdist, command entry points, ssh
keys, and the Python packages that ansible-core and its targets need, installed into the *base* interpreter (as seen
inside only; the machine's own files are not touched). A virtual environment will not do as the controller's Python:
targets make virtual environments of their own from it, and those see the base interpreter's packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from tests.conformance import layout
from tests.conformance.environment import Controller
from tests.conformance.errors import ConformanceError
from tests.conformance.privatehost import Overlay, Step, run, system_environment
from tests.conformance.source import sdist, unpack

# Raise it when images made by an earlier state of this file must not be used any longer.
_FORMAT = 12
# What the controller gets in the versions that the named interpreter has, so that both run the same code.
_OWN_PACKAGES = (
    *("jinja2", "MarkupSafe", "PyYAML", "cryptography", "cffi", "pycparser", "packaging", "resolvelib"),
    "mitogen",
)
# What targets install with pip while they run; here they find it installed, as there is no network inside.
_TARGET_PACKAGES = (
    "passlib==1.7.4",
    "pexpect==4.8.0",
    "build",
    "tomli",
    "toml",
    "tomli_w",
    "setuptools",
    "wheel",
    "virtualenv",
)
# What they install in a version of their own choice, into virtual environments, or to build something with; pip finds
# it inside, see _PIP_CONFIGURATION. Each line is resolved by itself.
_TARGET_WHEELS = (
    ("pexpect==4.8.0", "setuptools", "wheel", "bcrypt", "build", "jinja2", "docutils", "argcomplete", "Cython"),
    ("pexpect==4.9.0",),
    ("coverage",),
)
# What they build from source.
_TARGET_SOURCES = ("PyYAML", "pexpect==3.3", "pexpect==3.0")
_PIP_CONFIGURATION = f"[global]\nno-index = true\nfind-links = {layout.WHEELS}\n"
# What targets expect of the system, on Debian and its kin; elsewhere they skip what they lack or fail under stock too.
_APT_PROGRAM = """\
apt-get update &&
apt-get install --yes --no-install-recommends acl locales &&
localedef --inputfile en_US --charmap UTF-8 en_US.UTF-8 ||
echo "conformance: apt-get did not work; targets that need acl or a locale fail under stock as well"
"""
_INSTALL_TIME_LIMIT_S = 900.0
_CLI_STUBS = {
    "ansible": "adhoc",
    "ansible-config": "config",
    "ansible-console": "console",
    "ansible-doc": "doc",
    "ansible-galaxy": "galaxy",
    "ansible-inventory": "inventory",
    "ansible-playbook": "playbook",
    "ansible-pull": "pull",
    "ansible-vault": "vault",
}
_SSHD_CONFIG = f"""\
Port 22
ListenAddress 127.0.0.1
ListenAddress ::1
ListenAddress 0.0.0.0
HostKey {layout.SSHD_HOST_KEY}
PermitRootLogin yes
PasswordAuthentication yes
PubkeyAuthentication yes
UsePAM yes
UseDNS no
MaxStartups 1000
MaxSessions 1000
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Image:
    """Point at a built image.

    layer is the directory for overlayfs; core and python are versions; interpreter is the base interpreter's path and
    site_packages the directory of its packages, where the package under test goes as if pip had installed it.
    """

    layer: Path
    core: str
    python: str
    interpreter: str
    site_packages: str

    @property
    def controller(self) -> Controller:
        """Return what the environment of a target says of the controller; the locale is ansible-test's first choice."""
        made = layout.under(self.layer, PurePosixPath("/usr/lib/locale/locale-archive")).is_file()
        return Controller(self.core, self.python, self.interpreter, "en_US.UTF-8" if made else "C.UTF-8")

    @property
    def source(self) -> Path:
        """Return the unpacked sdist, seen from the outside."""
        return layout.under(self.layer, layout.CORE)


def build(core: str, python: str, cache: Path) -> Image:
    """Return the image for ansible-core `core` and the interpreter `python`, building it on first use.

    Raises ConformanceError when the sdist or a Python package cannot be had.
    """
    facts = _interpreter_facts(python)
    folder = cache / "images" / f"{core}-py{facts['version']}-{_FORMAT}"
    image = Image(folder / "layer", core, facts["version"], facts["base"], facts["site_packages"])
    if (folder / "image.json").is_file():
        return image
    archive = sdist(core, python, cache)
    shutil.rmtree(folder, ignore_errors=True)
    image.layer.mkdir(parents=True)
    image.layer.chmod(0o755)
    unpack(archive, image.source)
    _write_metadata(image)
    _write_commands(image)
    _install_packages(image, folder, facts["packages"])
    _write_account(image)
    (folder / "image.json").write_text(json.dumps({k: str(v) for k, v in asdict(image).items()}, indent=2))
    return image


def descriptions(cache: Path) -> list[Path]:
    """Return the files that describe the images of the present format, to be given to load()."""
    return sorted((cache / "images").glob(f"*-{_FORMAT}/image.json"))


def load(description: Path) -> Image:
    """Return the image that the file `image.json` describes."""
    fields = json.loads(description.read_text("utf-8"))
    return Image(**{**fields, "layer": Path(fields["layer"])})


def _interpreter_facts(python: str) -> dict[str, str]:
    """Ask an interpreter for its version, its base interpreter and its packages worth repeating."""
    program = (
        "import json, sys, sysconfig\nfrom importlib import metadata\npackages = []\n"
        f"for name in {_OWN_PACKAGES!r}:\n"
        "    try: packages.append(name + '==' + metadata.version(name))\n"
        "    except metadata.PackageNotFoundError: packages.append(name)\n"
        "base = getattr(sys, '_base_executable', None) or sys.executable\n"
        "version = '.'.join(map(str, sys.version_info[:3]))\n"
        "scheme = {'base': sys.base_prefix, 'platbase': sys.base_exec_prefix}\n"
        "site = sysconfig.get_path('purelib', vars=scheme)\n"
        "print(json.dumps({'version': version, 'base': base, 'packages': ' '.join(packages), 'site_packages': site}))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConformanceError(f"{python} is not a usable Python:\n{done.stderr.strip()}")
    facts: dict[str, str] = json.loads(done.stdout)
    return facts


def _write_metadata(image: Image) -> None:
    """Give the unpacked library a dist-info: code that asks importlib.metadata for ansible-core's version finds it."""
    folder = layout.under(image.layer, layout.CORE_LIB) / f"ansible_core-{image.core}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ansible-core\nVersion: {image.core}\n")


def _write_commands(image: Image) -> None:
    """Lay out the directories that go into PATH: entry points, ansible-test's injector, and one `python`."""
    binaries = layout.under(image.layer, layout.BIN)
    binaries.mkdir(parents=True)
    for command, module in _CLI_STUBS.items():
        _copy_script(image.source / f"lib/ansible/cli/{module}.py", binaries / command, "/usr/bin/env python")
    injector = layout.under(image.layer, layout.INJECTOR)
    injector.mkdir()
    originals = image.source / "test/lib/ansible_test/_util/target/injector"
    _copy_script(originals / "python.py", injector / "python.py", "/usr/bin/env python")
    _copy_script(originals / "virtualenv.sh", injector / "virtualenv.sh", "/usr/bin/env bash")
    for name in (*_CLI_STUBS, "importer.py", "pytest"):
        (injector / name).symlink_to("python.py")
    wrapper = layout.under(image.layer, layout.PYTHON) / "python"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {image.interpreter} "$@"\n')
    wrapper.chmod(0o755)
    work = layout.under(image.layer, layout.WORK)
    work.mkdir()


def _copy_script(source: Path, destination: Path, interpreter: str) -> None:
    body = re.sub(r"\A#!.*\n", "", source.read_text("utf-8"))
    destination.write_text(f"#!{interpreter}\n{body}", "utf-8")
    destination.chmod(0o755)


def _write_account(image: Image) -> None:
    """Give root a home of its own, a key pair that sshd accepts, and a host key that root knows.

    The machine's home of root stays out of it: no configuration of its user shall have a say in a test.
    """
    layer = image.layer
    _hide(layer, PurePosixPath("/tmp"), 0o1777)
    home = layout.under(layer, layout.HOME)
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    identity = layout.under(layer, layout.IDENTITY)
    _make_key(identity, "rsa")
    shutil.copy(identity.with_suffix(".pub"), home / ".ssh/authorized_keys")
    host_key = layout.under(layer, layout.SSHD_HOST_KEY)
    _hide(layer, layout.SSHD_HOST_KEY.parent, 0o755)
    _make_key(host_key, "ed25519")
    public = host_key.with_suffix(".pub").read_text().split()[:2]
    (home / ".ssh/known_hosts").write_text(f"* {' '.join(public)}\n")
    layout.under(layer, layout.SSHD_CONFIG).write_text(_SSHD_CONFIG)
    etc = layer / "etc"
    (etc / "hosts").write_text(f"127.0.0.1 localhost {layout.HOSTNAME}\n::1 localhost ip6-localhost ip6-loopback\n")
    (etc / "pip.conf").write_text(_PIP_CONFIGURATION)
    (etc / "hostname").write_text(f"{layout.HOSTNAME}\n")
    # All of them, as they belong together: users of this machine may come and go while the image is in use.
    for name in ("group", "shadow", "gshadow"):
        shutil.copy2(Path("/etc") / name, etc / name)
    users = Path("/etc/passwd").read_text()
    root_home = re.compile(r"^(root:(?:[^:\n]*:){4})[^:\n]*", re.MULTILINE)
    (etc / "passwd").write_text(root_home.sub(rf"\g<1>{layout.HOME}", users))
    _open_path(layer, image.interpreter)


def _open_path(layer: Path, interpreter: str) -> None:
    """Let every user enter the directories above the interpreter: targets run modules as other users."""
    for directory in list(PurePosixPath(interpreter).parents)[:-1]:
        place = layout.under(layer, directory)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(Path(directory).stat().st_mode | 0o555)


def _hide(layer: Path, inside: PurePosixPath, mode: int) -> None:
    """Make a directory of the layer that covers the machine's instead of merging with it (overlayfs "opaque")."""
    path = layout.under(layer, inside)
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    os.setxattr(path, "trusted.overlay.opaque", b"y")


def _make_key(path: Path, kind: str) -> None:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "conformance", "-f", str(path)]
    subprocess.run(command, check=True)


def _install_packages(image: Image, folder: Path, own: str) -> None:
    """Install into the base interpreter as seen through the image; the network of the machine is used."""
    options = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--break-system-packages")
    command = (image.interpreter, "-m", "pip", "install", *options, *own.split(), *_TARGET_PACKAGES)
    steps = [Step("pip", command, system_environment())]
    download = (image.interpreter, "-m", "pip", "download", "--quiet", "--dest", str(layout.WHEELS))
    for wheels in _TARGET_WHEELS:
        steps.append(Step(" ".join(wheels), (*download, *wheels), system_environment()))
    for name in _TARGET_SOURCES:
        source = (*download, "--no-deps", "--no-binary", name.partition("==")[0], name)
        steps.append(Step(f"source of {name}", source, system_environment()))
    # Hosts are thrown away: without this, each would compile what it imports.
    steps.append(
        Step("compile", (image.interpreter, "-m", "compileall", "-q", str(layout.CORE_LIB)), system_environment())
    )
    if shutil.which("apt-get"):
        quiet = system_environment() | {"DEBIAN_FRONTEND": "noninteractive"}
        steps.append(Step("apt-get", ("sh", "-c", _APT_PROGRAM), quiet))
    log = folder / "packages.log"
    overlay = Overlay(layers=(image.layer,), scratch=folder / "scratch")
    if run(overlay, steps, log, time_limit_s=_INSTALL_TIME_LIMIT_S, network=True).rc != 0:
        raise ConformanceError(f"pip could not download or install the packages of the image:\n{log.read_text()}")
