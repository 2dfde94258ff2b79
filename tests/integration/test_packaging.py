# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install what is published into an environment of its own, and name the strategy in every way that is documented."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.integration import packages
from tests.lab import Lab
from tests.lab.lab import CHECKOUT

EXAMPLES = CHECKOUT / "examples"
PLAYS = [
    {"hosts": "all", "gather_facts": False, "tasks": [{"name": "look", "command": "echo {{ inventory_hostname }}"}]}
]


def test_wheel_holds_package_and_collection_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ansible_svc", "ansible_collections"}
    plugins = {name.removeprefix("ansible_svc/") for name in names if name.startswith("ansible_svc/plugins/")}
    collection = "ansible_collections/ansible_svc/svc/"
    assert plugins == {name.removeprefix(collection) for name in names if name.startswith(f"{collection}plugins/")}
    assert "plugins/strategy/svc_linear.py" in plugins
    assert f"{collection}meta/runtime.yml" in names


def test_collection_holds_plugins_and_pages_only(built: Path) -> None:
    (archive,) = built.glob("ansible_svc-svc-*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {member.name for member in tar.getmembers() if not member.isdir()}
    assert "ansible_svc/plugins/strategy/svc_linear.py" in names
    assert "docs/quickstart.md" in names
    others = {name for name in names if not name.startswith(("ansible_svc/plugins/", "docs/"))}
    assert others == {
        "MANIFEST.json",
        "FILES.json",
        "LICENSE",
        *packages.PAGES,
        "meta/ee-bindep.txt",
        "meta/ee-requirements.txt",
        "meta/execution-environment.yml",
        "meta/runtime.yml",
        "plugins",
    }


def test_versions_agree(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (archive,) = built.glob("ansible_svc-svc-*.tar.gz")
    version = wheel.name.split("-")[1]
    assert archive.name.removesuffix(".tar.gz").split("-")[2] == version
    with tarfile.open(archive) as tar:
        asked = tar.extractfile("meta/ee-requirements.txt")
        assert asked is not None
        requirement = Requirement(asked.read().decode().strip())
    assert requirement.name == wheel.name.split("-")[0].replace("_", "-")
    assert Version(version) in requirement.specifier


def test_what_the_package_imports_is_what_it_depends_on(built: Path) -> None:
    """The environment of these tests has more than that, so nothing here would miss a dependency."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        requires = importlib.metadata.PathDistribution(zipfile.Path(wheel) / metadata.removesuffix("METADATA")).requires
        sources = {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}
    requirements = [Requirement(text) for text in requires or []]
    always = _provided(requirement.name for requirement in requirements if requirement.marker is None)
    terminal = always | _provided(
        requirement.name
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": "cli"})
    )
    providers = importlib.metadata.packages_distributions()
    found: set[str] = set()
    for name, source in sources.items():
        allowed = terminal if name.startswith("ansible_svc/cli/") else always
        for module in set(_imports(ast.parse(source))) - sys.stdlib_module_names - {"ansible_svc"}:
            provider = {canonicalize_name(provider) for provider in providers.get(module, [])}
            assert provider & allowed, f"{name} imports {module}, of {provider or 'nobody knows what'}"
            found.add(module)
    assert found >= {"ansible", "jinja2", "mitogen", "packaging", "rich"}


def _provided(names: Iterator[str]) -> set[str]:
    return {
        canonicalize_name(distribution.metadata["Name"])
        for name in names
        for distribution in packages.with_dependencies(name)
    }


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield the top-level names that code imports, wherever in it that happens, but for its types."""
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for inner in node.orelse:
            yield from _imports(inner)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def test_fully_qualified_name_works_after_pip_install_alone(lab: Lab, environment: Path, tmp_path: Path) -> None:
    _plays_with(lab, environment, {"strategy": "ansible_svc.svc.svc_linear"}, tmp_path)


def test_short_name_works_with_the_path_that_the_command_prints(lab: Lab, environment: Path, tmp_path: Path) -> None:
    path = packages.run(environment / "ansible-svc", "path").strip()
    assert Path(path).is_relative_to(environment.parent)
    _plays_with(lab, environment, {"strategy": "svc_linear", "strategy_plugins": path}, tmp_path)


def test_collection_installs_with_ansible_galaxy(lab: Lab, built: Path, environment: Path, tmp_path: Path) -> None:
    packages.install_collection(Path(sys.executable), built, tmp_path)
    installed = {"strategy": "ansible_svc.svc.svc_linear", "collections_path": str(tmp_path)}
    _plays_with(lab, environment, installed, tmp_path)


def test_the_wheel_runs_the_demo_playbook(lab: Lab, environment: Path, tmp_path: Path) -> None:
    users = {"become_to": "svclab1"} if lab.accounts else {}
    result = _run_playbook(
        lab,
        environment,
        {"strategy": "ansible_svc.svc.svc_linear"},
        tmp_path,
        EXAMPLES / "site.yml",
        lab.inventory(3, **users),
        ["--vault-password-file", str(EXAMPLES / "vault-password"), "-e", f"controller_workdir={tmp_path / 'build'}"],
    )
    statistics = json.loads((tmp_path / "stats.json").read_text())
    assert (statistics["tasks"]["forked"], statistics["tasks"]["stock"]) == (0, 0), result
    assert {counts["built"] for counts in statistics["modules"]["names"].values()} == {1}


def _plays_with(lab: Lab, environment: Path, settings: dict[str, str], tmp_path: Path) -> None:
    """Run a small playbook in the environment; every host has to have done its work."""
    result = _run_playbook(lab, environment, settings, tmp_path, PLAYS, lab.inventory(2))
    assert {event["result"]["stdout"] for event in result.results(task="look")} == {"host01", "host02"}


def _run_playbook(
    lab: Lab,
    environment: Path,
    settings: dict[str, str],
    tmp_path: Path,
    playbook: Any,
    inventory: Path,
    args: Sequence[str] = (),
) -> Any:
    """Run a playbook in the environment; its strategy has to be ours, from there, and to have run the tasks itself.

    settings: what the user writes into ansible.cfg; the environment variables are about the test alone.
    """
    stats = tmp_path / "stats.json"
    result = lab.run_playbook(
        playbook,
        inventory,
        _plain_cfg(lab, settings),
        args,
        timeout_s=150,
        env={
            "PYTHONPATH": "",
            "ANSIBLE_SVC_STATS_FILE": str(stats),
            "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={lab.sshd.known_hosts}",
            "ANSIBLE_CALLBACK_PLUGINS": str(CHECKOUT / "tests" / "lab" / "plugins" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "jsonlines",
        },
        command=[str(environment / "python"), "-m", "ansible", "playbook"],
    )
    assert result.rc == 0, result
    assert stats.exists(), result
    return result


def _plain_cfg(lab: Lab, settings: dict[str, str]) -> Path:
    """Return a configuration with these settings that leads nowhere else: the checkout must not be found through it."""
    path = lab.directory / "plain.cfg"
    lines = [f"{key}={value}" for key, value in {"home": lab.directory / "controller" / "ansible", **settings}.items()]
    path.write_text("\n".join(["[defaults]", *lines, ""]))
    return path
