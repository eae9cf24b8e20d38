"""The networks that a table of results names, and the model of their errors."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ctcdsl.checking import Network
from ctcdsl.estimates.surrogate import Surrogate
from ctcdsl.loading import check_spec
from ctcdsl.reporting.results import read_results
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import error


def fit_results(path: str | os.PathLike[str], trained: Sequence[Network] = ()) -> Surrogate:
    """A model of the top-1 errors in a table in CSV.

    Args:
        path: The table, as `compare --format csv` and `sweep` write it.
        trained: Networks of the results that are neither built in nor a file NAME.ctc here.

    Raises:
        UserError: CTC742 to CTC744 of the results, CTC751 of the table.
    """
    file = os.fspath(path)
    results = read_results(file)
    own = _by_name(trained, file)
    networks = {name: own.get(name) or _find(name) for name in results}
    missing = [name for name, network in networks.items() if network is None]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing[:6])
        names += f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise error(
            "CTC743",
            f"no spec of {names}: their results cannot be used",
            path=file,
            hint=did_you_mean(missing[0], tuple(own), "give the files with their specs: --trained"),
        )
    found = [network for network in networks.values() if network is not None]
    tasks = sorted({network.classes for network in found})
    if len(tasks) > 1:
        raise error(
            "CTC743",
            f"the results are of different tasks, of {' and '.join(map(str, tasks))} classes",
            path=file,
            hint="leave rows out: errors of different tasks cannot be compared",
        )
    return Surrogate(found, [results[name].error for name in networks])


def _by_name(networks: Sequence[Network], file: str) -> dict[str, Network]:
    found: dict[str, Network] = {}
    for network in networks:
        if found.setdefault(network.name, network) != network:
            raise error(
                "CTC743",
                f"two different networks are named `{network.name}`",
                path=file,
                hint="results belong to names: give each network its own, `net NAME`",
            )
    return found


def _find(name: str) -> Network | None:
    """The network of a name: of NAME.ctc in this folder, or built in."""
    if name.endswith(".ctc") or os.path.basename(name) != name:
        return None
    report = check_spec(name)
    return report.networks[0] if report.ok and len(report.networks) == 1 else None
