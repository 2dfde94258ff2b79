# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What our strategies add to ansible-core's: where a task runs, and waiting instead of polling.

The mixin changes queueing only. Which task is next, what a result means and what callbacks are told stays
StrategyBase's and its subclasses'.
"""

from __future__ import annotations

import threading
from typing import Any, cast

from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ansible_svc.compat.meta_tasks import taking_plugins_from
from ansible_svc.compat.options import options_of
from ansible_svc.compat.task_context import task_context
from ansible_svc.compat.task_run import TaskSpec, run_task
from ansible_svc.compat.variables import remember_variables
from ansible_svc.compat.worker import forked_worker, stock_worker
from ansible_svc.engine.access import Access
from ansible_svc.engine.executor import ThreadTaskExecutor
from ansible_svc.engine.fork_gateway import Gateway
from ansible_svc.engine.leaving import LeaveThread, watch_lookups
from ansible_svc.engine.loaders import Loaders
from ansible_svc.engine.mixin import Mixin
from ansible_svc.engine.output import show_output
from ansible_svc.engine.probe import RUN, TEMPLATE, Span
from ansible_svc.engine.results import ResultQueue, ThreadResults
from ansible_svc.engine.routes import Keywords, Route, Way, route
from ansible_svc.engine.running import start_anew
from ansible_svc.engine.runtime import Runtime, runtime
from ansible_svc.engine.slots import MEANWHILE_S, Slots
from ansible_svc.engine.threads import ThreadWorker
from ansible_svc.transport.boot import cache_options

display = Display()

_DEAD_WORKER_CHECK_S = 0.5


class NativeStrategy(Mixin):
    """Mixin over a StrategyBase subclass.

    Parameters:
        tqm: the TaskQueueManager.

    Attributes:
        svc_name: the plugin's name.
        svc_options_fragment: the documentation fragment with its options.

    Threads: the main thread; results are appended by ansible-core's results thread. ``_svc_run`` is on a task's thread.
    Guarded by ``_svc_forking``: the ends of a worker's socket, from their making until each process holds its own only.
    """

    svc_name: str
    svc_options_fragment: Any

    def __init__(self, tqm: Any) -> None:
        # before the base class starts its thread: a wrong value must leave nothing running
        self._svc_options = options_of(self)
        super().__init__(tqm)
        self._svc: Runtime = runtime()
        self._svc.task_children.end_on_sigterm()
        remember_variables(self._variable_manager)
        watch_lookups(self._svc_options["thread_lookups"])
        self._svc_forking = threading.Lock()
        self._svc_left: dict[str, str] = {}
        cache = cache_options(self._svc_options)
        self._svc.contexts.cache = cache
        self._svc.contexts.most = self._svc_options["connections"]
        self._svc.modules.use_cache(cache.directory)
        self._svc.modules.reuse_runners = self._svc_options["runners"] == "reuse"
        self._svc.stats_file = self._svc_options["stats_file"] or self._svc.stats_file
        self._svc_slots = Slots(self._workers)
        probe = self._svc.probe
        with self._results_lock:
            self._results = ResultQueue(self._results_lock, probe.end if probe is not None else None)
        self._svc_results = ThreadResults(self)
        self._svc_keywords: Keywords | None = None

    def run(self, iterator: Any, play_context: Any) -> Any:
        """Run a play under the name of the strategy that ours stands for.

        ansible-core asks for the name where strategies differ: what the debugger's redo takes back (StrategyBase's
        debug_closure), and whether the default callback names the task again between hosts. The play is the queue
        manager's copy; play_start was told the user's own name.
        """
        iterator._play.strategy = self.svc_name.removeprefix("svc_")
        return self._svc_play(iterator, play_context)

    def _svc_play(self, iterator: Any, play_context: Any) -> Any:
        return super().run(iterator, play_context)

    def _execute_meta(self, task: Any, play_context: Any, iterator: Any, target_host: Any) -> Any:
        """Carry out a meta task; the connection that one of them resets is ours."""
        with taking_plugins_from(self._svc.loaders):
            return super()._execute_meta(task, play_context, iterator, target_host)

    # queueing

    def _queue_task(self, host: Any, task: Any, task_vars: dict[str, Any], play_context: Any) -> None:
        """Start a task for a host as soon as a slot is free (StrategyBase._queue_task)."""
        span = self._svc.probe.begin(host.name, task._uuid) if self._svc.probe is not None else None

        def templar() -> TemplateEngine:
            return TemplateEngine(loader=self._loader, variables=task_vars)

        keywords = self._svc_keywords
        if keywords is None or keywords.task is not task:
            keywords = self._svc_keywords = Keywords(task, self._svc_options)
        try:
            throttle = int(templar().template(keywords.throttle)) if keywords.throttle else 0
        except Exception as error:
            raise AnsibleError("Failed to convert the throttle value to an integer.", obj=task.throttle) from error
        if throttle and (task.run_once or not self.ALLOW_BASE_THROTTLING):
            throttle = 0
        chosen = route(keywords, task_vars, templar)
        if chosen.way is Way.NATIVE and task._uuid in self._svc_left:
            chosen = Route(Way.FORKED, self._svc_left[task._uuid])
        self._svc_count(task, chosen)
        index = self._svc_slots.take(throttle, getattr(self, "_process_rpc_queue", None))
        self._queued_task_cache[(host.name, task._uuid)] = {
            "host": host,
            "task": task,
            "task_vars": task_vars,
            "play_context": play_context,
        }
        spec = TaskSpec(
            host=host,
            task=task,
            task_vars=task_vars,
            play_context=play_context,
            loader=self._loader,
            variable_manager=self._variable_manager,
            final_q=self._svc_results if chosen.way is Way.NATIVE else self._final_q,
        )
        self._svc_start(spec, index, chosen, span)
        self._pending_results += 1

    def _svc_start(self, spec: TaskSpec, index: int, chosen: Route, span: Span | None) -> None:
        tqm = self._tqm
        if span is not None:
            span.way, span.reason = chosen.way.value, chosen.reason
        if chosen.way is Way.NATIVE:
            thread = ThreadWorker(
                spec.task, lambda: self._svc_run(spec, index, thread, span), self._svc_on_end, task_context(), span
            )
            self._workers[index] = thread
            tqm.send_callback("v2_runner_on_start", spec.host, spec.task)
            show_output()
            thread.start(self._svc.threads)
            return
        tqm.send_callback("v2_runner_on_start", spec.host, spec.task)
        if span is not None:
            span.mark(TEMPLATE if chosen.way is Way.FORKED else RUN)
        if chosen.way is Way.FORKED:
            self._svc_fork(spec, index, None, span)
        else:
            self._workers[index] = process = stock_worker(spec, index)
            process.start()

    def _svc_run(self, spec: TaskSpec, index: int, thread: ThreadWorker, span: Span | None) -> None:
        """Run a task on the present thread; when it cannot stay there, start it anew in a forked worker."""
        try:
            run_task(spec, self._svc.loaders, ThreadTaskExecutor)
        except LeaveThread as leaving:
            self._svc_left[spec.task._uuid] = reason = str(leaving)
            self._svc.counters.add(Way.NATIVE.value, -1)
            self._svc_count(spec.task, Route(Way.FORKED, reason))
            if span is not None:
                span.way, span.reason = Way.FORKED.value, reason
            self._svc_fork(spec._replace(final_q=self._final_q), index, thread, span)

    def _svc_fork(self, spec: TaskSpec, index: int, thread: ThreadWorker | None, span: Span | None) -> None:
        """Run a task in a forked worker, which takes its slot or the place of a thread there."""
        with self._svc_forking:
            gateway = Gateway(self._svc.access, span)

            def loaders_in_child() -> Loaders:
                start_anew()
                return Loaders(cast(Access, gateway.in_child()))

            process = forked_worker(spec, index, loaders_in_child)
            if thread is not None:
                thread.worker_queue = process.worker_queue
            process.start()
            self._workers[index] = process
            gateway.serve()
        if thread is not None and not thread.is_alive():
            process.terminate()  # the run was broken off meanwhile

    def _svc_on_end(self) -> None:
        self._svc_slots.wake()
        with self._results_lock:
            self._results_lock.notify_all()

    def _svc_count(self, task: Any, chosen: Route) -> None:
        self._svc.counters.add(chosen.way.value)
        if chosen.reason and self._svc.counters.add_reason(chosen.reason):
            way = "in a forked worker" if chosen.way is Way.FORKED else "as ansible-core does it"
            display.v(f"svc: {task.action} runs {way}: {chosen.reason}")

    # results

    def _process_pending_results(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Process the results that are there, and show what that has printed."""
        results: list[Any] = super()._process_pending_results(*args, **kwargs)
        if results:
            show_output()
        return results

    def _wait_on_pending_results(self, iterator: Any) -> list[Any]:
        """Process results until none is pending, sleeping until there is one (as StrategyBase's, which polls)."""
        results: list[Any] = []
        while self._pending_results > 0 and not self._tqm._terminated:
            self._svc_raise_if_dead()
            if rpc := getattr(self, "_process_rpc_queue", None):
                rpc()
            results.extend(self._process_pending_results(iterator))
            if self._pending_results > 0:
                self._svc_wait_for_result()
        return results

    def _svc_wait_for_result(self) -> None:
        with self._results_lock:
            if not self._results:
                self._results_lock.wait(self._svc_patience_s())

    def _svc_patience_s(self) -> float:
        """Return how long to wait for a result before looking what nobody tells: what a task asks (2.21), who died."""
        return MEANWHILE_S if hasattr(self, "_process_rpc_queue") else _DEAD_WORKER_CHECK_S

    def _svc_raise_if_dead(self) -> None:
        if not self._tqm.has_dead_workers():
            return
        for worker in self._workers:
            if failure := getattr(worker, "failure", ""):
                display.error(failure, wrap_text=False)
        raise AnsibleError("A worker was found in a dead state")

    def cleanup(self) -> None:
        """End what still runs on threads, then what StrategyBase ends."""
        running = [worker for worker in self._workers if isinstance(worker, ThreadWorker) and worker.is_alive()]
        for worker in running:
            worker.terminate()
        if running and self._pending_results:  # or they have told their results, and are about to end
            self._svc.task_children.end()
        super().cleanup()
        self._svc_slots.close()
