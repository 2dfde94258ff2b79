# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have ansible-core build a module and take its result apart.

Uses of ``ansible.executor.module_common`` (2.19 to 2.21): ``modify_module`` and the text that it makes (a script that
ends in one call, ``_ansiballz_main(zip_data=..., module_fqn=..., profile=..., ...)``),
``_extract_interpreter``, ``_get_shebang``, ``_BuiltModule``.
"""

from __future__ import annotations

import ast
import base64
import functools
import inspect
import io
import zipfile
from typing import Any, NamedTuple

from ansible import constants as C
from ansible._internal._templating._engine import TemplateOptions
from ansible.executor.module_common import _BuiltModule, _extract_interpreter, _get_shebang, modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import action
from ansible.template import Templar

from ansible_svc.compat.plugin_loading import loading_lock

_MAIN = '\nif __name__ == "__main__":\n    _ansiballz_main(\n'
_DEFAULT_INTERPRETER = "/usr/bin/python"
_ANY_INTERPRETER = "/usr/bin/python3"
_EXTENSION_OPTIONS = ("_ANSIBALLZ_PYDEVD_CONFIG", "_ANSIBALLZ_DEBUGPY_CONFIG", "_ANSIBALLZ_COVERAGE_CONFIG")


def build_one_at_a_time() -> None:
    """Have action plugins that build a module the stock way wait for others who do; a second call changes nothing.

    Building parses Python, and CPython up to 3.11.7 and 3.12.1 raises SystemError ("AST constructor recursion depth
    mismatch") now and then in one of two threads that do (fixed by its change 113035).
    """
    stock = action.modify_module
    if hasattr(stock, "__wrapped__"):
        return

    @functools.wraps(stock)
    def modify_module_alone(*args: Any, **kwargs: Any) -> Any:
        with loading_lock:
            return stock(*args, **kwargs)

    action.modify_module = modify_module_alone


class AnsiballZ(NamedTuple):
    """The parts of a built new-style Python module.

    Attributes:
        fqn: dotted name under which it runs, such as ``ansible.modules.command``.
        profile: name of ansible-core's serialization profile for arguments and results.
        files: path inside the payload -> content, in the payload's order.
        shebang: program and arguments of the module's interpreter line.
    """

    fqn: str
    profile: str
    files: dict[str, bytes]
    shebang: tuple[str, ...]


def build(name: str, path: str) -> AnsiballZ | None:
    """Build a module; None when it is not a new-style Python module (binary, old-style, want-JSON, JSON-args, ...).

    Parameters:
        name: the module's name as the task gave it.
        path: its file.

    Raises AnsibleError when ansible-core cannot build it (a missing module_util, a syntax error).
    """
    variables = {"ansible_python_interpreter": _ANY_INTERPRETER}
    arguments: dict[str, Any] = {
        "module_name": name,
        "module_path": path,
        "module_args": {},
        "templar": Templar(loader=DataLoader(), variables=variables),
        "task_vars": variables,
        "module_compression": "ZIP_STORED",
    }
    if "shell_plugin" in inspect.signature(modify_module).parameters:
        arguments["shell_plugin"] = None
    built = modify_module(**arguments)
    if built.module_style != "new":
        return None
    text = built.b_module_data
    start = text.rfind(_MAIN.encode())
    if start < 0:
        return None
    call = ast.parse(text[start:]).body[0].body[0].value
    values = {keyword.arg: keyword.value for keyword in call.keywords}
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(ast.literal_eval(values["zip_data"])))) as payload:
        files = {info.filename: payload.read(info) for info in payload.infolist()}
    return AnsiballZ(
        fqn=ast.literal_eval(values["module_fqn"]),
        profile=ast.literal_eval(values["profile"]),
        files=files,
        shebang=_shebang(path),
    )


def _shebang(path: str) -> tuple[str, ...]:
    with open(path, "rb") as module:
        program, arguments = _extract_interpreter(module.read())
    return (program, *arguments) if program else (_DEFAULT_INTERPRETER,)


def interpreter_line(
    shebang: tuple[str, ...], task_vars: dict[str, Any], templar: Templar, remote_is_local: bool
) -> str:
    """Return the interpreter line that ansible-core gives a module with this one in this task.

    Raises InterpreterDiscoveryRequiredError when the interpreter is to be discovered and was not yet.
    """
    program, *arguments = shebang
    line, _interpreter = _get_shebang(program, task_vars, templar, tuple(arguments), remote_is_local=remote_is_local)
    return str(line)


def open_files_limit(task_vars: dict[str, Any], templar: Templar) -> int:
    """Return the soft limit of open files that this task's module is to have, 0 for the host's own."""
    if _open_files_variables().isdisjoint(task_vars):
        value = _open_files_default()
    else:
        value = C.config.get_config_value("PYTHON_MODULE_RLIMIT_NOFILE", variables=task_vars)
    if not isinstance(value, int):
        value = templar._engine.template(value, options=TemplateOptions(value_for_omit=0))
    return int(value)


@functools.cache
def _open_files_variables() -> frozenset[str]:
    definition = C.config.get_configuration_definition("PYTHON_MODULE_RLIMIT_NOFILE")
    return frozenset(entry["name"] for entry in definition["vars"])


@functools.cache
def _open_files_default() -> Any:
    return C.config.get_config_value("PYTHON_MODULE_RLIMIT_NOFILE")


def placeholder(data: bytes, shebang: str, profile: str) -> Any:
    """Return what ActionBase._configure_module returns, with ``data`` in the place of the module's text."""
    return _BuiltModule(b_module_data=data, module_style="new", shebang=shebang, serialization_profile=profile)


def uses_extensions(task_vars: dict[str, Any]) -> bool:
    """Tell whether a debugger or coverage is wanted inside modules; such modules run as ansible-core sends them."""
    configured, variables = _extension_settings()
    return configured or not variables.isdisjoint(task_vars)


@functools.cache
def _extension_settings() -> tuple[bool, frozenset[str]]:
    """Return whether an extension is configured for the whole run, and the variables that configure one for a task."""
    configured = any(C.config.get_config_value(option) is not None for option in _EXTENSION_OPTIONS)
    definitions = [C.config.get_configuration_definition(option) for option in _EXTENSION_OPTIONS]
    return configured, frozenset(entry["name"] for found in definitions for entry in found.get("vars") or ())
