# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates whose code is remembered give what they give when they are compiled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible._internal._templating._engine import TemplateEngine, TemplateOptions
from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from ansible.errors import AnsibleError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_svc.compat import template_code
from ansible_svc.compat.template_code import remember_compiled_templates
from tests.unit.ansible_setup import set_up

_METHODS = ("compile", "_compile")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_up()
    plain = {name: vars(AnsibleEnvironment).get(name) for name in _METHODS}
    monkeypatch.setattr(template_code, "_installed", False)
    monkeypatch.setattr(template_code, "_codes", {})
    remember_compiled_templates()
    yield
    for name, method in plain.items():
        if method is None:
            delattr(AnsibleEnvironment, name)
        else:
            setattr(AnsibleEnvironment, name, method)


def trusted(text: str, path: str = "/here") -> Any:
    return TrustedAsTemplate().tag(Origin(path=path).tag(text))


def rendered(text: Any, variables: dict[str, Any], **options: Any) -> Any:
    try:
        return TemplateEngine(variables=variables).template(text, options=TemplateOptions(**options))
    except AnsibleError as error:
        return type(error), str(error)


def without_memory(text: Any, variables: dict[str, Any], **options: Any) -> Any:
    template_code._codes.clear()
    return rendered(text, variables, **options)


PIECES = st.sampled_from(
    [
        "plain ",
        "{{ a }}",
        "{{ a | upper }}",
        "{{ '%s' | format(b) }}",
        "{{ c.d }}",
        "{{ nested }}",
        "{{ missing | default('x') }}",
        "{{ missing }}",
        "{% for i in range(3) %}{{ i }}\n{% endfor %}",
        "{% if b is number %}n{% endif %}",
        "{{ '\\\\d' }}",
        "{{ no_such_filter(1) }}",
        "{{ 1 | no_such_filter }}",
        "{{ unclosed",
        "[[ a ]]",
        "\n",
    ]
)
VALUES = st.sampled_from(["x", 1, 2.5, [1, 2], {"d": "e"}, None, True])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(PIECES, min_size=1, max_size=4).map("".join),
    st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES}), min_size=2, max_size=3),
    st.booleans(),
    st.sampled_from(
        ["", '#jinja2: variable_start_string:"[[", variable_end_string:"]]"\n', "#jinja2: lstrip_blocks: True\n"]
    ),
)
def test_they_give_what_they_give_when_compiled(
    text: str, hosts: list[dict[str, Any]], escape: bool, header: str
) -> None:
    variables = [{**host, "nested": trusted("<{{ a }}>")} for host in hosts]
    expected = [without_memory(trusted(header + text), each, escape_backslashes=escape) for each in variables]
    # with what the last one left in memory, and with what other options left
    for other in (escape, not escape, escape):
        given_back = [rendered(trusted(header + text), each, escape_backslashes=other) for each in variables]
        if other is escape:
            assert given_back == expected


def test_a_template_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = AnsibleEnvironment._parse
    monkeypatch.setattr(
        AnsibleEnvironment, "_parse", lambda self, text, *rest: parsed.append(text) or parse(self, text, *rest)
    )
    assert [rendered(trusted("{{ a }}!", path), {"a": path}) for path in ("/x", "/y")] == ["/x!", "/y!"]
    assert parsed == ["{{ a }}!"]


def test_text_that_is_not_trusted_stays_text() -> None:
    assert rendered(trusted("{{ a }}"), {"a": 1}) == 1
    assert rendered("{{ a }}", {"a": 1}) == "{{ a }}"


def test_a_wrong_template_names_its_own_place_each_time() -> None:
    def failure(path: str) -> AnsibleError:
        with pytest.raises(AnsibleError) as caught:
            TemplateEngine(variables={}).template(trusted("{{ unclosed", path))
        return caught.value

    assert Origin.get_tag(failure("/first").obj).path == "/first"
    assert Origin.get_tag(failure("/second").obj).path == "/second"


@pytest.mark.parametrize("value", [1, 2])
def test_conditions(value: int) -> None:
    engine = TemplateEngine(variables={"a": value})
    assert engine.evaluate_conditional(trusted("a == 1")) is (value == 1)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_code, "_ENTRIES", 4)
    for number in range(10):
        assert rendered(trusted("{{ a }}" + str(number)), {"a": 1}) == f"1{number}"
    assert len(template_code._codes) <= 4
