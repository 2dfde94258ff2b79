# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the environment of a target as ansible-test makes it: variables, inventory, generated playbook.

Sources in the sdist, below test/lib/ansible_test/_internal: ansible_util.py (ansible_environment), inventory.py,
util_common.py (get_injector_env), commands/integration/__init__.py (integration_environment, _script, _role).
Pure functions: nothing here touches the machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tests.conformance import layout
from tests.conformance.targets import Context, Target

# Where a working tree keeps what ansible-test would keep there.
INTEGRATION = PurePosixPath("test/integration")
INVENTORY = INTEGRATION / "inventory"
CONFIG = INTEGRATION / "integration.cfg"
# ansible-test's, so that paths are hard in the same way.
_UNICODE_SUFFIX = "-\u00c5\u00d1\u015a\u00cc\u03b2\u0141\u00c8"


@dataclass(frozen=True)
class Subject:
    """Say what is under test.

    strategy is None for stock without any setting; plugin_paths maps a plugin type ("strategy") to a directory as seen
    inside; variables are further settings for every child.
    """

    strategy: str | None
    plugin_paths: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Controller:
    """Say what runs ansible-core: its version, the Python's version and path, the locale."""

    core: str
    python: str
    interpreter: str
    locale: str


def working_tree(target: Target) -> PurePosixPath:
    """Return where the working tree of a target is, as seen inside."""
    plain = target.has("no/temp_unicode")
    return layout.WORK / f"{target.name}{'-ansible' if plain else _UNICODE_SUFFIX}"


def inventory(context: Context, interpreter: str, *, over_ssh: bool) -> str:
    """Return the inventory: `testhost` in `testgroup`, local for controller content, over ssh for target content."""
    variables = {"ansible_connection": "local"}
    if context is Context.TARGET and over_ssh:
        variables = {
            "ansible_connection": "ssh",
            "ansible_host": "localhost",
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(layout.IDENTITY),
        }
    variables |= {"ansible_pipelining": "yes", "ansible_python_interpreter": interpreter}
    return "[testgroup]\ntesthost " + " ".join(f"{key}={value!r}" for key, value in variables.items()) + "\n"


def role_playbook(target: Target) -> str:
    """Return the playbook that runs a role target."""
    play = {
        "hosts": "testhost",
        "gather_facts": target.gather_facts,
        "vars_files": [],
        "vars": {"output_dir": str(layout.OUTPUT)},
        "roles": [target.name],
    }
    return json.dumps([play], indent=4, sort_keys=True)


def collection_root(tree: PurePosixPath, name: str) -> PurePosixPath:
    """Return where a target in a working tree may hold the collection `ansible_test.<its name>` (ansible-core 2.21)."""
    return tree / INTEGRATION / "targets" / name


def collection(name: str) -> PurePosixPath:
    """Return the place of that collection below its root."""
    return PurePosixPath("ansible_collections/ansible_test") / name.replace("-", "_")


def variables(
    target: Target, subject: Subject, controller: Controller, collection_roots: Sequence[PurePosixPath] = ()
) -> dict[str, str]:
    """Return the whole environment of a target's command."""
    interpreter = controller.interpreter
    tree = working_tree(target)
    library = layout.CORE / "test/support/integration/plugins/modules"
    search = (layout.INJECTOR, layout.PYTHON, layout.BIN, PurePosixPath(interpreter).parent)
    env = {
        "LC_ALL": controller.locale,
        "HOME": str(layout.HOME),
        "PATH": ":".join([*map(str, search), layout.SYSTEM_PATH]),
        "PAGER": "/bin/cat",
        "PYTHONPATH": str(layout.CORE_LIB),
        "ANSIBLE_PYTHON_MODULE_RLIMIT_NOFILE": "1024",
        "ANSIBLE_FORCE_COLOR": "false",
        "ANSIBLE_FORCE_HANDLERS": "true",
        "ANSIBLE_HOST_PATTERN_MISMATCH": "error",
        "ANSIBLE_INVENTORY": "/dev/null",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_HOST_KEY_CHECKING": "false",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_DISPLAY_TRACEBACK": "never",
        "ANSIBLE_CONFIG": str(tree / CONFIG),
        "ANSIBLE_LIBRARY": str(library),
        "ANSIBLE_DEVEL_WARNING": "false",
        "ANSIBLE_WORKER_SHUTDOWN_POLL_COUNT": "100",
        "ANSIBLE_WORKER_SHUTDOWN_POLL_DELAY": "0.1",
        # Tests must take the interpreter from the inventory; those that discover it unset this one.
        "ANSIBLE_PYTHON_INTERPRETER": "/set/ansible_python_interpreter/in/inventory",
        "ANSIBLE_TEST_ANSIBLE_LIB_ROOT": str(layout.CORE_LIB / "ansible"),
        "ANSIBLE_TEST_PYTHON_VERSION": ".".join(controller.python.split(".")[:2]),
        "ANSIBLE_TEST_PYTHON_INTERPRETER": interpreter,
        "ANSIBLE_TEST_CI": "",
        "ANSIBLE_TEST_COVERAGE": "",
        "ANSIBLE_TEST_ANSIBLE_VERSION": controller.core,
        "JUNIT_OUTPUT_DIR": str(layout.JUNIT),
        "JUNIT_TASK_RELATIVE_PATH": str(tree),
        "JUNIT_REPLACE_OUT_OF_TREE_PATH": "out-of-tree:",
        "ANSIBLE_CALLBACKS_ENABLED": "junit",
        "OUTPUT_DIR": str(layout.OUTPUT),
        "INVENTORY_PATH": str(tree / INVENTORY),
        "ANSIBLE_PLAYBOOK_DIR": str(working_directory(target)),
    }
    if target.kind == "role":
        env["ANSIBLE_ROLES_PATH"] = str(tree / INTEGRATION / "targets")
    if collection_roots:
        env["ANSIBLE_COLLECTIONS_PATH"] = ":".join(map(str, collection_roots))
    if target.has("non_local"):
        env["ANSIBLE_TEST_REMOTE_INTERPRETER"] = ""
    if subject.strategy is not None:
        env["ANSIBLE_STRATEGY"] = subject.strategy
    env |= {f"ANSIBLE_{kind.upper()}_PLUGINS": path for kind, path in subject.plugin_paths.items()}
    return env | dict(subject.variables) | target.environment


def working_directory(target: Target) -> PurePosixPath:
    """Return the directory in which a target's command starts: a script's own, or the one of the generated playbook."""
    integration = working_tree(target) / INTEGRATION
    return integration / "targets" / target.name if target.kind == "script" else integration


def command(target: Target) -> tuple[str, ...]:
    """Return the command that runs a target, to be started in its working directory."""
    if target.kind == "script":
        return ("./runme.sh",)
    return ("ansible-playbook", f"{target.name}.yml", "-i", INVENTORY.name)
