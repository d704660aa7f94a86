"""All experiments: `make experiments`. It can be stopped and started; what is known is not measured again.

python experiments/run.py [--build build] [--pages] [NAME...]      e.g. exp_01_attribution

Results go to results/exp_*.json, pages and plots of them beside them.  --pages only makes the pages anew.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lab import RESULTS, ROOT, Kept, Lab  # noqa: E402  (found through the line above)


def modules(names: list[str]) -> dict:
    """Return the experiments, in order."""
    known = sorted(path.stem for path in HERE.glob("exp_*.py"))
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"no such experiment: {', '.join(sorted(unknown))} (there are {', '.join(known)})")
    return {name: importlib.import_module(name) for name in names or known}


def kept_of(name: str, module: ModuleType) -> Kept:
    """Return what an experiment's page is made of: its own results, or those of another one."""
    return Kept(getattr(module, "FROM", name))


def write_page(name: str, module: ModuleType) -> None:
    """Write an experiment's page and plot."""
    kept = kept_of(name, module)
    text = f"# {module.TITLE}\n\nWritten by `make experiments` from `{kept.path.name}`.\n\n"
    if hasattr(module, "plot"):
        module.plot(kept.units, RESULTS / f"{name}.svg")
        text += f"![{module.TITLE}]({name}.svg)\n\n"
    (RESULTS / f"{name}.md").write_text(text + module.page(kept.units))


def measure(lab: Lab, chosen: dict, console: Console) -> None:
    """Measure what is not known."""
    units = {n: m.units(lab) if hasattr(m, "units") else {} for n, m in chosen.items()}
    kept = {name: Kept(name) for name in chosen}
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=sum(len(u) for u in units.values()))
        for name, module in chosen.items():
            for key, (models, unit) in units[name].items():
                progress.update(task, description=f"{name} {key}")
                stamp = lab.stamp(module, *models)
                if not kept[name].is_fresh(key, stamp):
                    kept[name].put(key, stamp, unit(), units[name])
                progress.advance(task)
            write_page(name, module)
            console.print(f"{name}: results/{name}.md")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Run the experiments.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--pages", action="store_true", help="only make the pages of what is known")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    chosen = modules(options.names)
    if options.pages:
        for name, module in chosen.items():
            write_page(name, module)
    else:
        measure(Lab(options.build.resolve()), chosen, Console())


if __name__ == "__main__":
    main()
