# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give strategy plugins options.

ansible-core lets users configure many kinds of plugins, strategies not among them (constants.CONFIGURABLE_PLUGINS).
The configuration manager itself does not mind: it takes any plugin's option definitions
(ConfigManager.initialize_plugin_configuration_definitions) and answers from ini, environment and defaults.
"""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible.module_utils.common.yaml import yaml_load


def options_of(strategy: Any) -> dict[str, Any]:
    """Return the values of the options of a strategy of ours, its class or object. Raises as strategy_options."""
    return strategy_options(strategy.svc_name, strategy.svc_options_fragment.DOCUMENTATION)


def strategy_options(name: str, documentation: str) -> dict[str, Any]:
    """Return the values of a strategy's options.

    Parameters:
        name: the plugin's short name.
        documentation: YAML in which ``options`` are documented.

    Raises AnsibleOptionsError for a value of the wrong type.
    """
    definitions = yaml_load(documentation)["options"]
    C.config.initialize_plugin_configuration_definitions("strategy", name, definitions)
    return {
        option: C.config.get_config_value(option, plugin_type="strategy", plugin_name=name) for option in definitions
    }
