# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the callback plugin ``profile`` says of a run: a table, a trace for Perfetto, a page with the timeline.

Everything is made from one Record (record.py), which a Recorder puts together from what callbacks are told, the
engine's Probe and the Runtime's statistics. Only callback.py knows ansible-core and
the Runtime.
"""
