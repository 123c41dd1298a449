"""Makes measuring what tests cover cheaper on a Python below 3.12, where a tracer measures it.

It is called for each line of every library, to find that it need not know. Half of the time of
tests went there, most of it while Ibis and SQLGlot write SQL: meanwhile it rests.
"""

import functools
import sys

from ibis.backends.sql import SQLBackend
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from sqlglot.generator import Generator

WRITERS = ((SQLBackend, "compile"), (SQLGlotCompiler, "to_sqlglot"), (Generator, "generate"))


def untraced(function):
    """Let the tracer of this thread rest while a function runs; none of our code is below it."""

    @functools.wraps(function)
    def call(*arguments, **options):
        tracer = sys.gettrace()
        if tracer is None:
            return function(*arguments, **options)
        sys.settrace(None)
        try:
            return function(*arguments, **options)
        finally:
            sys._getframe().f_trace = tracer  # so that it sees this call end, as it saw it begin
            sys.settrace(tracer)

    return call


def rest_while_sql_is_written():
    """Let any tracer rest where SQL is written."""
    for owner, name in WRITERS:
        setattr(owner, name, untraced(getattr(owner, name)))
