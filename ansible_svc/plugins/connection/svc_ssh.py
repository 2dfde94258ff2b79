# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: svc_ssh
short_description: Reaches managed hosts by ssh through the shared service pool
description:
  - Under one of the svc strategies, keeps one ssh connection to every host for the whole run and works there through an agent that calls back
    into the pool of the C(ansible-playbook) process.
  - Takes the options and variables of P(ansible.builtin.ssh#connection), so that an inventory needs no change.
author: The ansible_svc project (!UNKNOWN)
version_added: 0.1.0
notes:
  - The svc strategies use it in the place of P(ansible.builtin.ssh#connection) as well; naming it is never necessary.
  - Without a svc strategy it works as P(ansible.builtin.ssh#connection) and says so at C(-v).
options:
  host:
    description:
    - Name or address to connect to.
    type: string
    default: inventory_hostname
    vars:
    - name: inventory_hostname
    - name: ansible_host
    - name: ansible_ssh_host
    - name: delegated_vars['ansible_host']
    - name: delegated_vars['ansible_ssh_host']
  host_key_checking:
    description:
    - Whether the ssh client is to check host keys.
    type: boolean
    default: true
    ini:
    - section: defaults
      key: host_key_checking
    - section: ssh_connection
      key: host_key_checking
    env:
    - name: ANSIBLE_HOST_KEY_CHECKING
    - name: ANSIBLE_SSH_HOST_KEY_CHECKING
    vars:
    - name: ansible_host_key_checking
    - name: ansible_ssh_host_key_checking
  password:
    description:
    - Password for the login, typed at the ssh client's prompt.
    type: string
    vars:
    - name: ansible_password
    - name: ansible_ssh_pass
    - name: ansible_ssh_password
  password_mechanism:
    description:
    - How ansible-core's plugin gives the password to ssh. Under a svc strategy the password is typed at ssh's prompt whatever this says.
    type: string
    default: ssh_askpass
    choices:
    - ssh_askpass
    - sshpass
    - disable
    ini:
    - key: password_mechanism
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_PASSWORD_MECHANISM
    vars:
    - name: ansible_ssh_password_mechanism
  sshpass_prompt:
    description:
    - How the question for the password begins that is to be answered, when O(password_mechanism=sshpass).
    type: string
    default: ''
    ini:
    - section: ssh_connection
      key: sshpass_prompt
    env:
    - name: ANSIBLE_SSHPASS_PROMPT
    vars:
    - name: ansible_sshpass_prompt
  ssh_args:
    description:
    - Arguments for the ssh, sftp and scp clients. Under a svc strategy every host has one ssh client of its own, so C(ControlMaster) and C(ControlPath)
      are turned off; and of the default C(-C) is left out, as what svc sends is packed already.
    type: string
    default: -C -o ControlMaster=auto -o ControlPersist=60s
    ini:
    - section: ssh_connection
      key: ssh_args
    env:
    - name: ANSIBLE_SSH_ARGS
    vars:
    - name: ansible_ssh_args
  ssh_common_args:
    description:
    - More arguments for the ssh, sftp and scp clients.
    type: string
    default: ''
    cli:
    - name: ssh_common_args
    ini:
    - section: ssh_connection
      key: ssh_common_args
    env:
    - name: ANSIBLE_SSH_COMMON_ARGS
    vars:
    - name: ansible_ssh_common_args
  ssh_executable:
    description:
    - The ssh client to run.
    type: string
    default: ssh
    ini:
    - key: ssh_executable
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_EXECUTABLE
    vars:
    - name: ansible_ssh_executable
  sftp_executable:
    description:
    - The sftp client to run. Used without a svc strategy only.
    type: string
    default: sftp
    ini:
    - key: sftp_executable
      section: ssh_connection
    env:
    - name: ANSIBLE_SFTP_EXECUTABLE
    vars:
    - name: ansible_sftp_executable
  scp_executable:
    description:
    - The scp client to run. Used without a svc strategy only.
    type: string
    default: scp
    ini:
    - key: scp_executable
      section: ssh_connection
    env:
    - name: ANSIBLE_SCP_EXECUTABLE
    vars:
    - name: ansible_scp_executable
  scp_extra_args:
    description:
    - More arguments for scp. Used without a svc strategy only.
    type: string
    default: ''
    cli:
    - name: scp_extra_args
    ini:
    - key: scp_extra_args
      section: ssh_connection
    env:
    - name: ANSIBLE_SCP_EXTRA_ARGS
    vars:
    - name: ansible_scp_extra_args
  sftp_extra_args:
    description:
    - More arguments for sftp. Used without a svc strategy only.
    type: string
    default: ''
    cli:
    - name: sftp_extra_args
    ini:
    - key: sftp_extra_args
      section: ssh_connection
    env:
    - name: ANSIBLE_SFTP_EXTRA_ARGS
    vars:
    - name: ansible_sftp_extra_args
  ssh_extra_args:
    description:
    - More arguments for the ssh client.
    type: string
    default: ''
    cli:
    - name: ssh_extra_args
    ini:
    - key: ssh_extra_args
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_EXTRA_ARGS
    vars:
    - name: ansible_ssh_extra_args
  reconnection_retries:
    description:
    - How often to try again when a connection cannot be made.
    type: integer
    default: 0
    ini:
    - section: connection
      key: retries
    - section: ssh_connection
      key: retries
    env:
    - name: ANSIBLE_SSH_RETRIES
    vars:
    - name: ansible_ssh_retries
  port:
    description:
    - Port to connect to.
    type: int
    ini:
    - section: defaults
      key: remote_port
    env:
    - name: ANSIBLE_REMOTE_PORT
    vars:
    - name: ansible_port
    - name: ansible_ssh_port
  remote_user:
    description:
    - User to log in as.
    type: string
    cli:
    - name: user
    ini:
    - section: defaults
      key: remote_user
    env:
    - name: ANSIBLE_REMOTE_USER
    vars:
    - name: ansible_user
    - name: ansible_ssh_user
  pipelining:
    description:
    - Whether modules reach the interpreter without a file on the host. Under a svc strategy they do, unless a variable of the host or
      task says no.
    type: boolean
    default: false
    ini:
    - section: defaults
      key: pipelining
    - section: connection
      key: pipelining
    - section: ssh_connection
      key: pipelining
    env:
    - name: ANSIBLE_PIPELINING
    - name: ANSIBLE_SSH_PIPELINING
    vars:
    - name: ansible_pipelining
    - name: ansible_ssh_pipelining
  private_key_file:
    description:
    - File with the private key to log in with.
    type: string
    cli:
    - name: private_key_file
    ini:
    - section: defaults
      key: private_key_file
    env:
    - name: ANSIBLE_PRIVATE_KEY_FILE
    vars:
    - name: ansible_private_key_file
    - name: ansible_ssh_private_key_file
  private_key:
    description:
    - Text of the private key to log in with, handed to an ssh agent.
    type: string
    env:
    - name: ANSIBLE_PRIVATE_KEY
    vars:
    - name: ansible_private_key
    - name: ansible_ssh_private_key
  private_key_passphrase:
    description:
    - Passphrase of the private key in O(private_key).
    type: string
    env:
    - name: ANSIBLE_PRIVATE_KEY_PASSPHRASE
    vars:
    - name: ansible_private_key_passphrase
    - name: ansible_ssh_private_key_passphrase
  control_path:
    description:
    - Where ssh puts its control socket. Used without a svc strategy only.
    type: string
    ini:
    - key: control_path
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_CONTROL_PATH
    vars:
    - name: ansible_control_path
  control_path_dir:
    description:
    - Directory of the control socket. Used without a svc strategy only.
    type: string
    default: ~/.ansible/cp
    ini:
    - section: ssh_connection
      key: control_path_dir
    env:
    - name: ANSIBLE_SSH_CONTROL_PATH_DIR
    vars:
    - name: ansible_control_path_dir
  sftp_batch_mode:
    description:
    - Whether sftp runs in batch mode. Used without a svc strategy only.
    type: bool
    default: true
    ini:
    - key: sftp_batch_mode
      section: ssh_connection
    env:
    - name: ANSIBLE_SFTP_BATCH_MODE
    vars:
    - name: ansible_sftp_batch_mode
  ssh_transfer_method:
    description:
    - How files are copied. Under a svc strategy they travel through the FileService.
    type: string
    default: smart
    choices:
    - sftp
    - scp
    - piped
    - smart
    ini:
    - key: transfer_method
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_TRANSFER_METHOD
    vars:
    - name: ansible_ssh_transfer_method
  use_tty:
    description:
    - Whether commands that need no input run on a terminal.
    type: bool
    default: true
    ini:
    - key: usetty
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_USETTY
    vars:
    - name: ansible_ssh_use_tty
  timeout:
    description:
    - Seconds to wait for a connection.
    type: integer
    default: 10
    cli:
    - name: timeout
    ini:
    - key: timeout
      section: defaults
    - key: timeout
      section: ssh_connection
    env:
    - name: ANSIBLE_TIMEOUT
    - name: ANSIBLE_SSH_TIMEOUT
    vars:
    - name: ansible_ssh_timeout
  pkcs11_provider:
    description:
    - Library for logging in with a smart card.
    type: string
    default: ''
    ini:
    - key: pkcs11_provider
      section: ssh_connection
    env:
    - name: ANSIBLE_PKCS11_PROVIDER
    vars:
    - name: ansible_ssh_pkcs11_provider
  verbosity:
    description:
    - How verbose the ssh client is to be.
    type: int
    default: 0
    ini:
    - key: verbosity
      section: ssh_connection
    env:
    - name: ANSIBLE_SSH_VERBOSITY
    vars:
    - name: ansible_ssh_verbosity
seealso:
  - plugin: ansible.builtin.ssh
    plugin_type: connection
  - plugin: ansible_svc.svc.svc_linear
    plugin_type: strategy
"""

EXAMPLES = """
- hosts: all
  strategy: ansible_svc.svc.svc_linear
  connection: ansible_svc.svc.svc_ssh
  tasks:
    - name: Look around
      ansible.builtin.command: uptime
      changed_when: false
"""

from ansible.plugins.connection import ssh as stock

try:
    from ansible_svc.engine.stock_connection import tell_when_plain
except ModuleNotFoundError as error:
    from ansible.errors import AnsibleError

    _missing = AnsibleError(
        f"The connection svc_ssh needs the Python package ansible-svc beside ansible-core ({error}): pip install ansible-svc"
    )

    def tell_when_plain(name: str, stock: str) -> None:
        """Stand in for the package that is not installed."""
        raise _missing


class Connection(stock.Connection):
    """ansible-core's ssh plugin under a name of ours; the strategy makes it work through the Pool."""

    svc_over = stock.Connection

    def _connect(self) -> Connection:
        """Say it when this is nothing but ansible-core's ssh."""
        tell_when_plain("svc_ssh", "ssh")
        super()._connect()
        return self
