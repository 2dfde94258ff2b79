# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes two connections the same, and what is never shown of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_svc.transport.identity import Identity, LocalLogin, SshLogin, Sudo

LOGIN = SshLogin(host="web", argv=("ssh", "web"), password="login secret", prompt="PIN", timeout_s=5.0, retries=2)
SUDO = Sudo(user="root", executable="sudo", flags=("-H", "-n"), password="become secret")


def other(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "x"
    return (*value, "x") if isinstance(value, tuple) else value + 1


def copy(one: Any) -> Any:
    return one._replace()


@pytest.mark.parametrize(
    "one", [LOGIN, SUDO, LocalLogin(), Identity(LOGIN), Identity(LOGIN, SUDO), Identity(LocalLogin())]
)
def test_equal_options_are_one_identity(one: Any) -> None:
    assert copy(one) == one
    assert copy(one) is not one
    assert {one: "found"}[copy(one)] == "found"


@pytest.mark.parametrize(
    ("one", "name"),
    [(one, name) for one in (LOGIN, SUDO) for name in one._fields],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_option_matters(one: Any, name: str) -> None:
    changed = one._replace(**{name: other(getattr(one, name))})
    assert changed != one
    assert len({one, changed}) == 2


def test_login_and_become_both_matter() -> None:
    found = {
        Identity(LOGIN),
        Identity(LOGIN, SUDO),
        Identity(LOGIN, SUDO._replace(user="postgres")),
        Identity(LocalLogin()),
        Identity(LocalLogin(), SUDO),
    }
    assert len(found) == 5


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format])
def test_passwords_are_not_shown(show: Any) -> None:
    text = show(Identity(LOGIN, SUDO))
    assert "web" in text
    assert "root" in text
    assert "secret" not in text


def test_an_identity_does_not_change() -> None:
    with pytest.raises(AttributeError):
        LOGIN.password = "other"  # type: ignore[misc]
