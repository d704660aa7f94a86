"""Run a libFuzzer target, or read what runs have said, and put what was reached into results/fuzz.json: `make fuzz`.

python fuzz/record.py TARGET LOG COMMAND...      run, with all that is said in LOG
python fuzz/record.py TARGET LOG... --read       runs of before, all of one campaign
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from machine import machine  # noqa: E402  (found through the line above)

RESULTS = ROOT / "results" / "fuzz.json"
REACHED = re.compile(r"^#\d+\t.* cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
FOUND = re.compile(r"^SUMMARY: (\w+): (.+?)(?: in)?\s*$", re.MULTILINE)


def stat(text: str, name: str) -> int:
    """Return a number of libFuzzer's final statistics."""
    return int(re.findall(rf"^stat::{name}:\s+(\d+)$", text, re.MULTILINE)[-1])


def summary(text: str) -> dict:
    """Return what one run says of itself."""
    executions, rate = stat(text, "number_of_executed_units"), stat(text, "average_exec_per_sec")
    done = re.findall(r"^Done \d+ runs in (\d+) second", text, re.MULTILINE)
    edges, features, inputs = map(int, REACHED.findall(text)[-1])
    return {
        "seconds": int(done[-1]) if done else executions // max(rate, 1),  # no time after a crash
        "executions": executions,
        "edges": edges,
        "features": features,
        "inputs": inputs,
        "peak_mb": stat(text, "peak_rss_mb"),
        "found": [" ".join(found) for found in FOUND.findall(text)],
    }


def together(runs: list[dict]) -> dict:
    """Return several runs, each on the corpus that the one before left, as one."""
    last = max(runs, key=lambda run: run["features"])
    return {
        "runs": len(runs),
        "seconds": sum(run["seconds"] for run in runs),
        "executions": sum(run["executions"] for run in runs),
        **{key: last[key] for key in ("edges", "features", "inputs")},
        "peak_mb": max(run["peak_mb"] for run in runs),
        "found": sorted({found for run in runs for found in run["found"]}),
    }


def record(kind: str, key: str, entry: dict) -> None:
    """Put an entry into results/fuzz.json."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known["machine"] = machine()
    known.setdefault(kind, {})[key] = entry
    known = {k: dict(sorted(known[k].items())) for k in sorted(known)}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")


def run(command: list[str], log: Path) -> int:
    """Run libFuzzer; what it says goes on and into the log."""
    with (
        log.open("w") as file,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process,
    ):
        for line in process.stderr or ():
            print(line, end="", file=sys.stderr, flush=True)
            file.write(line)
    return process.returncode


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=["wire", "rules", "pipeline"])
    parser.add_argument("log", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    code, logs = 0, [args.log]
    if args.command[-1:] == ["--read"]:
        logs += map(Path, args.command[:-1])
    else:
        code = run(args.command, args.log)
    texts = [log.read_text(errors="replace") for log in logs]
    record("libfuzzer", args.target, together([summary(text) for text in texts]))
    return code


if __name__ == "__main__":
    sys.exit(main())
