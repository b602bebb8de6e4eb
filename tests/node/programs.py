"""Programs that a relay may call, as shell scripts of a test's; each keeps the arguments of its calls."""

from pathlib import Path


class Programs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, script: str, name: str = "crm_mon") -> str:
        """Its path. A second one takes the place of the first at once."""
        fresh = self.folder / f"{name}.fresh"
        fresh.write_text(f'#!/bin/sh\necho "$@" >> {self.folder}/{name}.calls\n{script}\n')
        fresh.chmod(0o755)
        fresh.rename(self.folder / name)
        return str(self.folder / name)

    def calls(self, name: str = "crm_mon") -> list[str]:
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []
