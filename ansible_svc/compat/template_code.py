# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compile a template once, not once for every host and task.

ansible-core makes a Jinja environment per task and host, and compiles every template of the task, and every variable
that is a template, in each anew. The compiled code does not depend on the host: Jinja makes it from the template's
text, the environment's syntax, whether backslashes are escaped, and which filters and tests there are and what kind of
arguments they take. All of these make the key here, so that what is remembered is what would be compiled again. Trust,
origins and variables belong to rendering, which is unchanged.
"""

from __future__ import annotations

import functools
import types
from typing import Any

from ansible._internal._templating._jinja_bits import (
    _TEMPLATE_OVERRIDE_FIELD_NAMES,
    AnsibleEnvironment,
    _CompileStateSmugglingCtx,
    _TemplateCompileContext,
)
from ansible.plugins.loader import filter_loader, test_loader

# A template of a few lines is about 3 KB of code.
_ENTRIES = 4096

_codes: dict[tuple[Any, ...], types.CodeType] = {}
_installed = False


def remember_compiled_templates() -> None:
    """Have AnsibleEnvironment (2.19 to 2.21) remember what it compiles; calling it again changes nothing."""
    global _installed
    if _installed:
        return
    _installed = True
    AnsibleEnvironment.compile = _remembering(AnsibleEnvironment.compile)
    AnsibleEnvironment._compile = _remembering_python(AnsibleEnvironment._compile)


def _remembering(compile_template: Any) -> Any:
    @functools.wraps(compile_template)
    def compiled(self: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs or not isinstance(source, str) or self._debuggable_template_source:
            return compile_template(self, source, *args, **kwargs)  # an include, an expression, or for a debugger
        context = _TemplateCompileContext.current(optional=True)
        key = (
            str(source),
            context is not None and context.escape_backslashes,
            tuple(getattr(self, name) for name in _TEMPLATE_OVERRIDE_FIELD_NAMES),
            len(filter_loader._extra_dirs),
            len(test_loader._extra_dirs),
        )
        code = _codes.get(key)
        if code is None:
            code = _remember(key, compile_template(self, source))
        return code

    return compiled


def _remembering_python(compile_python: Any) -> Any:
    """Remember the last step alone, from Python's text to its code, for all that is not a plain template."""

    @functools.wraps(compile_python)
    def compiled(self: Any, source: str, filename: str) -> Any:
        if _CompileStateSmugglingCtx.current(optional=True) is not None:
            return compile_python(self, source, filename)
        key = (source, filename)
        code = _codes.get(key)
        if code is None:
            code = _remember(key, compile_python(self, source, filename))
        return code

    return compiled


def _remember(key: tuple[Any, ...], code: types.CodeType) -> types.CodeType:
    if len(_codes) >= _ENTRIES:
        _codes.clear()
    _codes[key] = code
    return code
