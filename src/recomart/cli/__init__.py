"""The command line: each command a few lines over one room.

Reads    settings, arguments
Writes   the terminal: words and tables, or JSON with --json
Imports  click at import; whatever a command needs, when it runs
"""

from __future__ import annotations

import gc
import sys

import click

from recomart import __version__
from recomart.cli.ask import bundle, recommend, session, similar
from recomart.cli.batch import batch
from recomart.cli.completion import NAME, completion
from recomart.cli.context import Context
from recomart.cli.dashboard import dashboard
from recomart.cli.data import data
from recomart.cli.experiments import experiment
from recomart.cli.features import features
from recomart.cli.lineage import lineage
from recomart.cli.look import doctor, report, status
from recomart.cli.models import models
from recomart.cli.monitoring import monitor
from recomart.cli.privacy import erase, export
from recomart.cli.quarantine import quarantine
from recomart.cli.retraining import retrain
from recomart.cli.runs import reproduce, runs
from recomart.cli.schedule import schedule
from recomart.cli.serve import keys, serve
from recomart.cli.shops import shops
from recomart.cli.start import config, demo, init
from recomart.cli.stream import stream
from recomart.cli.tune import tune
from recomart.cli.work import STAGE_COMMANDS, run
from recomart.errors import RecomartError

__all__ = ["main", "recomart"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--settings", "-s", metavar="FILE", help="recomart.yaml, or the folder that holds it."
)
@click.option("--shop", metavar="NAME", help="One of the shops that the settings are the root of.")
@click.option("--set", "flags", multiple=True, metavar="KEY=VALUE", help="Override one setting.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
@click.version_option(__version__, "--version", prog_name=NAME)
@click.pass_context
def recomart(
    context: click.Context,
    settings: str | None,
    shop: str | None,
    flags: tuple[str, ...],
    as_json: bool,
) -> None:
    """From a shop's event log and catalogue to recommendations.

    \b
    Examples:
      recomart demo                     a made-up shop, from raw files to recommendations
      recomart init my-shop             write a commented recomart.yaml
      recomart -s my-shop run           bring in, check, prepare, train, compare, publish
      recomart -s my-shop recommend --user 17850 -n 5
      recomart -s my-shops --shop gifts run

    \b
    Exit status: 0 done, 1 internal fault, 2 bad input or settings, 3 not found,
    4 something outside did not answer, 5 stored bytes were damaged, 130 interrupted.
    """
    context.obj = Context(settings, flags, shop=shop, as_json=as_json)


COMMANDS = (
    *(init, demo),
    *(run, *STAGE_COMMANDS),
    *(retrain, monitor, schedule),
    *(recommend, similar, session, bundle),
    batch,
    *(tune, models),
    experiment,
    *(serve, keys, shops),
    stream,
    *(dashboard, report, status, doctor),
    features,
    *(runs, reproduce),
    lineage,
    data,
    quarantine,
    *(erase, export),
    *(config, completion),
)
for command in COMMANDS:
    recomart.add_command(command)


def main() -> None:
    """Run; say what went wrong in two lines, and exit with its status."""
    try:
        recomart.main(prog_name=NAME, standalone_mode=False)
    except RecomartError as error:
        click.secho(str(error), err=True, fg="red")
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.secho(
            "Interrupted. Run the same command again: it goes on where it stopped.", err=True
        )
        sys.exit(130)
    finally:
        gc.freeze()  # else its end walks over all that was loaded: a second after MLflow
