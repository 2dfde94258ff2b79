# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take out of Python source what a host has no use for. Every line keeps its number, so tracebacks read the same."""

from __future__ import annotations

import re
from collections.abc import Collection

from ansible_svc.source import Source

_DOCUMENTATION = re.compile(
    r"""^(DOCUMENTATION|EXAMPLES|RETURN) *= *r?(\"{3}|'{3})((?:[^\\]|\\.)*?)\2""", re.MULTILINE | re.DOTALL
)


def of_core(text: str) -> str:
    """Return a file of ansible-core's as hosts are sent it."""
    source = Source(text)
    short = source.without(source.comments(), source.docstrings(), source.signature_types(), source.indents())
    return without_documentation(short)


def of_mitogen(text: str, unused: Collection[str] = ()) -> str:
    """Return a file of mitogen's as hosts are sent it.

    Parameters:
        unused: definitions to leave out, see Source.definitions.
    """
    source = Source(text)
    return source.without(
        source.comments(),
        source.docstrings(),
        source.definitions(unused),
        source.for_older_pythons(),
        source.indents(),
    )


def of_our_own(text: str) -> str:
    """Return a file of our own as hosts are sent it. Nothing of that looks at its annotations, but for named tuples."""
    source = Source(text)
    return source.without(
        source.comments(),
        source.docstrings(),
        source.for_type_checkers(),
        source.signature_types(),
        source.variable_types(),
        source.indents(),
    )


def without_documentation(text: str) -> str:
    """Return a module's source without the texts that ansible-doc reads, unless it mentions them itself."""

    def emptied(match: re.Match[str]) -> str:
        if len(re.findall(rf"\b{match[1]}\b", text)) > 1:
            return match[0]
        return f"{match[1]} = {match[2]}" + "\n" * match[3].count("\n") + match[2]

    return _DOCUMENTATION.sub(emptied, text)
