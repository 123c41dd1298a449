"""The demonstration, run once as a user would, for whoever looks at what it left."""

import subprocess
import sys
import time

COMMAND = [sys.executable, "-c", "from recomart.cli import main; main()", "demo"]
N_USERS = 300


def demonstrate(folder):
    """Run it in a folder, beside what it said and how long it took."""
    began = time.perf_counter()
    words = [*COMMAND, "--folder", str(folder / "demo"), "--users", str(N_USERS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "told.txt").write_text(done.stdout, encoding="utf-8")
    (folder / "seconds.txt").write_text(str(time.perf_counter() - began), encoding="utf-8")
