"""The command line without its imports: a process that has them is forked for each call.

Half a second to two of every `recomart …` are imports; tests that type dozens of commands pay them
once. What is run is the same `main`, in a process of its own, with the caller's files, environment
and folder. Only on Linux, where forking after imports is safe; elsewhere a call is a call.

    python tests/preloaded.py SOCKET            the process
    python tests/preloaded.py SOCKET WORDS…     a call; with `-`, of Python from its input
"""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

IMPORTED = (
    *("ibis.backends.sql.compilers", "matplotlib.backends.backend_svg", "pyarrow.parquet"),
    *("recomart.evaluation.stage", "recomart.features.store", "recomart.pipeline.published"),
    *("recomart.pipeline.runner", "recomart.ranking.training", "recomart.sources.catalogue_server"),
)
"""Of these no library starts a thread that a fork would miss; DuckDB does, and is left out."""
REAL = f"{sys.executable} -c 'from recomart.cli import main; main()'"


@contextmanager
def command_line(folder):
    """Give a program that is `recomart`, and Python where it is given `-`; `folder` is its own."""
    program, place = folder / "recomart", folder / "socket"
    if sys.platform != "linux":
        program.write_text(f'#!/bin/sh\nexec {REAL} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        yield program
        return
    words = f"{sys.executable} -S -E {__file__} {place}"
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, place]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline(), "it ended before it listened"
        try:
            yield program
        finally:
            process.terminate()


def call(place, words):
    """Have a fork with our files, folder and environment run the words; return its status."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(place)
        told = json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode()
        socket.send_fds(line, [len(told).to_bytes(4, "big")], [0, 1, 2])
        line.sendall(told)
        return int.from_bytes(line.recv(1), "big")


def serve(place):
    """Import, then fork for whoever calls, one after another."""
    for name in IMPORTED:
        __import__(name)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        print("listening", flush=True)  # noqa: T201 - whoever started us waits for it
        while True:
            line, _ = door.accept()
            with line:
                head, files, *_ = socket.recv_fds(line, 4, 3)
                told = json.loads(_exactly(line, int.from_bytes(head, "big")))
                pid = os.fork()
                if pid == 0:
                    _become(files, *told)
                for file in files:
                    os.close(file)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                line.sendall(bytes([status if status >= 0 else 128 - status]))


def _exactly(line, size):
    found = b""
    while len(found) < size:
        found += line.recv(size - len(found))
    return found


def _become(files, words, folder, environment):
    """Be the command in this fork, and end with its status."""
    from recomart.cli import main

    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["recomart", *words]
    status = 0
    try:
        if words == ["-"]:
            exec(compile(sys.stdin.read(), "example", "exec"), {})  # noqa: S102 - our own examples
        else:
            main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        status = 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(call(sys.argv[1], sys.argv[2:]))
    serve(sys.argv[1])
