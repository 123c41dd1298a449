"""What is made once in a run of the tests, however many workers share it."""

import os
import shutil

from filelock import FileLock


def made_once(factory, name, make):
    """Return a folder that `make` filled, in this worker or in another; it is read, or copied."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # the run's own; below it each worker has one
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
