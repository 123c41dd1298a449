"""Ask whether a known vulnerability is in what the lock files install.

    python scripts/audit.py [--osv-url URL]

Exit status 0: asked, and nothing found; 1: found; 3: NOT RUN, in part or at all. pip-audit says "no
known vulnerabilities" where it reaches no database, too. So it is first asked about a package that
is known to have some; if it knows nothing of those, it knows nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
KNOWN_TO_BE_BAD = ("jinja2", "2.10")
"""Published with several vulnerabilities, since 2019."""
FOUND, NOT_RUN = 1, 3


@dataclass(frozen=True)
class Audit:
    """What was told about one lock file.

    vulnerable  ``name version: ids (mended in …)``
    skipped     ``name: why``, of what nothing is known
    """

    vulnerable: tuple[str, ...]
    skipped: tuple[str, ...]


def audit(lock: Path, options: list[str]) -> Audit:
    """Ask about every package of a lock file. Raises RuntimeError if pip-audit itself fails."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--requirement", str(lock)]
    command += ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        raise RuntimeError(done.stderr.strip()[-500:] or f"status {done.returncode}") from None
    return Audit(
        tuple(
            f"{one['name']} {one['version']}: {bad['id']}"
            f" (mended in {', '.join(bad['fix_versions']) or 'no version yet'})"
            for one in packages
            for bad in one.get("vulns", ())
        ),
        tuple(f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one),
    )


def hold_to_what_is_known(options: list[str]) -> None:
    """See that the database answers. Raises RuntimeError."""
    with TemporaryDirectory() as folder:
        lock = Path(folder) / "known.txt"
        lock.write_text("==".join(KNOWN_TO_BE_BAD) + "\n", encoding="utf-8")
        if not audit(lock, options).vulnerable:
            raise RuntimeError("The database of vulnerabilities does not answer")


def main(arguments: list[str]) -> int:
    """Audit every lock file; print what was found, or that nobody could be asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osv-url", help="ask this database, which speaks as OSV does")
    parser.add_argument("locks", nargs="*", type=Path, help="lock files; none: all")
    told = parser.parse_args(arguments)
    options = ["--vulnerability-service", "osv", "--osv-url", told.osv_url] if told.osv_url else []
    locks = told.locks or sorted((ROOT / "requirements").glob("*.txt"))
    try:
        hold_to_what_is_known(options)
        answers = [(lock.name, audit(lock, options)) for lock in locks]
    except RuntimeError as error:
        print(f"audit: NOT RUN. {error}.", file=sys.stderr)
        return NOT_RUN
    for name, answer in answers:
        print(f"{name}: {len(answer.vulnerable)} known vulnerabilities")
        for line in (*answer.vulnerable, *(f"NOT RUN for {one}" for one in answer.skipped)):
            print(f"  {line}", file=sys.stderr)
    if any(answer.vulnerable for _, answer in answers):
        return FOUND
    return NOT_RUN if any(answer.skipped for _, answer in answers) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
