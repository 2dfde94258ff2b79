# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lay out what one run of a target finds in its private host beside the image.

That is a working tree per step, with the target, what it depends on and its strategies mapped, and the wheel of the
package under test, so that a run does not change with the checkout while it goes on and finds what users install: the
package and the collection.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.conformance import environment, layout
from tests.conformance.environment import Subject
from tests.conformance.errors import ConformanceError
from tests.conformance.image import Image
from tests.conformance.privatehost import Step
from tests.conformance.strategies import Family, map_tree
from tests.conformance.targets import Target, read_dependencies, read_targets

# The package that holds the strategies whose names begin like this.
_PACKAGES = {"svc_": "ansible_svc", "mitogen_": "ansible_mitogen"}


@dataclass(frozen=True)
class Suite:
    """Hold the targets of one image and what each needs beside it."""

    image: Image
    targets: Mapping[str, Target]
    dependencies: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, image: Image) -> Suite:
        """Read the suite of an image."""
        targets = read_targets(image.source)
        folder = layout.under(image.layer, layout.TARGETS)
        return cls(image, targets, read_dependencies(folder, targets))

    def incomplete(self) -> dict[str, str]:
        """Return the reason for each target that asks for files which the sdist does not carry."""
        return {
            target.name: "needs files of ansible-core's source repository that its sdist does not carry"
            for target in self.targets.values()
            if not all((self.image.source / file).exists() for file in target.needed_files)
        }

    def plugin_paths(self, strategy: str) -> dict[str, str]:
        """Return where ansible-core finds a strategy of ours or of Mitogen's, as seen inside; {} for stock."""
        prefix = Family.of(strategy).prefix
        package = _PACKAGES.get(prefix)
        return {"strategy": f"{self.image.site_packages}/{package}/plugins/strategy"} if package else {}

    def steps(self, target: Target, subject: Subject, layer: Path, *, over_ssh: bool) -> tuple[list[Step], list[str]]:
        """Fill the empty directory `layer` for a target; return its steps and the files whose strategies were mapped.

        The steps are the target's setup targets and then the target, each with a working tree of its own.
        """
        layer.chmod(0o755)
        steps: list[Step] = []
        mapped: list[str] = []
        family = Family.of(subject.strategy or "linear")
        for name in (*target.setup, target.name):
            step = self.targets[name]
            tree = layout.under(layer, environment.working_tree(step))
            self._fill(tree, step, target, over_ssh=over_ssh)
            mapped += map_tree(tree / environment.INTEGRATION / "targets", family)
            variables = environment.variables(step, subject, self.image.controller, self._collection_roots(step))
            cwd = environment.working_directory(step)
            steps.append(Step(step.name, environment.command(step), variables, str(cwd)))
        return steps, sorted(set(mapped))

    def _collection_roots(self, step: Target) -> list[PurePosixPath]:
        """Return where a step and what it depends on hold a collection of their own."""
        names = sorted({step.name, *self.dependencies[step.name]})
        targets = layout.under(self.image.layer, layout.TARGETS)
        holders = [name for name in names if (targets / name / environment.collection(name)).is_dir()]
        return [environment.collection_root(environment.working_tree(step), name) for name in holders]

    def _fill(self, tree: Path, step: Target, target: Target, *, over_ssh: bool) -> None:
        """Copy a step's files into its working tree; the inventory is the one of the target that the step serves."""
        source = self.image.source
        for name in sorted({step.name, *self.dependencies[step.name]}):
            place = environment.INTEGRATION / "targets" / name
            shutil.copytree(source / place, tree / place, symlinks=True)
            for file in self.targets[name].needed_files:
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / file, tree / file)
        text = environment.inventory(target.context, self.image.interpreter, over_ssh=over_ssh)
        (tree / environment.INVENTORY).write_text(text, "utf-8")
        own_config = source / environment.CONFIG
        empty_config = source / "test/lib/ansible_test/_data/ansible.cfg"
        shutil.copy2(own_config if own_config.is_file() else empty_config, tree / environment.CONFIG)
        if step.kind == "role":
            playbook = tree / environment.INTEGRATION / f"{step.name}.yml"
            playbook.write_text(environment.role_playbook(step), "utf-8")


def build_wheel(repository: Path, directory: Path) -> Path:
    """Build the wheel of the package under test into `directory` and return its path.

    Raises ConformanceError when that fails.
    """
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    wheels = list(directory.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise ConformanceError(f"the wheel of {repository} could not be built:\n{done.stdout}{done.stderr}")
    return wheels[0]


def install(wheel: Path, site_packages: Path) -> None:
    """Install a wheel that has neither data files nor scripts into `site_packages`, as pip does."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
