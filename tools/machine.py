"""What numbers were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> dict:
    """Say what the numbers were measured on."""
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": cpus[0] if cpus else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
    }
