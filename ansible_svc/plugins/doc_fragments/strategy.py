# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    """What all strategies of this collection have in common."""

    DOCUMENTATION = """
notes:
  - C(ssh) and C(local) connections are taken over, under their short and their fully qualified names, and so is becoming another user by C(sudo).
options:
  stats_file:
    description:
      - Write the statistics of the run to this file, as JSON, when C(ansible-playbook) ends.
    type: path
    ini:
      - section: svc
        key: stats_file
    env:
      - name: ANSIBLE_SVC_STATS_FILE
  fork_actions:
    description:
      - Action plugins whose tasks are to run in a forked worker instead of on a thread, by name as in the task or fully qualified.
    type: list
    elements: str
    default: []
    ini:
      - section: svc
        key: fork_actions
    env:
      - name: ANSIBLE_SVC_FORK_ACTIONS
  thread_actions:
    description:
      - Action plugins beyond those of ansible-core whose tasks may run on threads, by name as in the task or fully qualified.
      - Name only plugins that keep no state in their module, do not change the working directory, the environment or signal handlers, and do not fork.
    type: list
    elements: str
    default: []
    ini:
      - section: svc
        key: thread_actions
    env:
      - name: ANSIBLE_SVC_THREAD_ACTIONS
  thread_lookups:
    description:
      - Lookup plugins beyond those of ansible-core that may run on threads, by name as in templates or fully qualified.
      - A task that uses any other starts anew in a forked worker as soon as that shows, provided that nothing of it has happened by then.
      - Name only plugins that do not change the working directory, the environment or signal handlers.
    type: list
    elements: str
    default: []
    ini:
      - section: svc
        key: thread_lookups
    env:
      - name: ANSIBLE_SVC_THREAD_LOOKUPS
  runners:
    description:
      - Whether a process on a managed host may run one module after the other.
      - With V(reuse) it may, as long as each is a module of ansible-core that is known to leave nothing behind, by its digest,
        and the process is found to be like new after each. All other modules have a process of their own.
      - With V(fresh) every module has a process of its own. That costs some milliseconds of the host's CPU more.
    type: str
    choices: [reuse, fresh]
    default: reuse
    ini:
      - section: svc
        key: runners
    env:
      - name: ANSIBLE_SVC_RUNNERS
  connections:
    description:
      - How many hosts are to stay connected over ssh from one task to the next. Each takes an ssh client, some files
        that C(ansible-playbook) has open, and about two megabytes of the controller's memory.
      - Where a run has more hosts, those that no task works with are disconnected to make room for others, and connected
        again for their next task.
      - V(0) is as many as the limit of open files allows. It is raised as far as it may be when there are too many hosts for it.
    type: int
    default: 1000
    ini:
      - section: svc
        key: connections
    env:
      - name: ANSIBLE_SVC_CONNECTIONS
  cache:
    description:
      - Whether agents keep the code of modules, and their own, in a directory on the managed hosts, so that the next run need not send it.
      - Arguments of modules, the content of files that are copied, and results are never kept there.
    type: bool
    default: true
    ini:
      - section: svc
        key: cache
    env:
      - name: ANSIBLE_SVC_CACHE
  cache_dir:
    description:
      - The directory on the managed hosts. One below C(~) is in the home of the user who is logged in or was become;
        in any other, each user has a directory of their own, named by their number.
      - It has to belong to that user and to be writable for nobody else; otherwise it is not used, which C(-v) tells.
      - The controller keeps what it sends to hosts in the directory of this name, too.
    type: str
    default: ~/.cache/ansible_svc
    ini:
      - section: svc
        key: cache_dir
    env:
      - name: ANSIBLE_SVC_CACHE_DIR
  cache_size:
    description:
      - How many megabytes of code, the agent's own included, are kept on each managed host and for each user, about.
      - What was not used for the longest time goes first.
    type: int
    default: 128
    ini:
      - section: svc
        key: cache_size
    env:
      - name: ANSIBLE_SVC_CACHE_SIZE
"""
