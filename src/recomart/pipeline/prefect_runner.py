"""Prefect's runner, which ends as well by SIGTERM as by Ctrl-C."""

from __future__ import annotations

import signal

from prefect.runner import Runner


class GracefulRunner(Runner):
    """Runs the flow runs of a schedule.

    Prefect's own answer to SIGTERM leaves the loop at once: a flow run that goes on then speaks to
    a server that is gone, for minutes.
    """

    def handle_sigterm(self, *_: object) -> None:
        """Do what Ctrl-C does: pause the schedule, end what goes on, then leave."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # a script that starts us with & has us ignore Ctrl-C, which is not for us then
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)
