"""Run tests as on processors of other kinds: python tests/processors.py [ARGUMENT OF PYTEST ...]

NumPy, OpenBLAS, torch, oneDNN and MKL choose their instructions by the processor. Other
instructions add in another order, so the last digits of a sum differ from machine to machine.
Nothing that a user sees may depend on these digits: no count of points, no order, no decision.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

#: Prints what the libraries chose; the settings are silent where a library does not know them.
_CHOSEN = """
import scipy.linalg, torch
from threadpoolctl import threadpool_info
kernels = {one["architecture"] for one in threadpool_info() if one["internal_api"] == "openblas"}
print("OpenBLAS", *kernels, "and torch", torch.backends.cpu.get_cpu_capability(), end="")
"""


@dataclass(frozen=True)
class Kind:
    """Processors with the instructions ``needs`` (a feature by NumPy's name) and none beyond.

    NumPy leaves out the features whose names begin with one of ``numpy_without``.
    """

    name: str
    needs: str
    openblas: str
    torch: str
    onednn: str
    mkl: str
    numpy_without: tuple[str, ...]

    def environment(self, threads: int) -> dict[str, str]:
        """Variables that limit each library to these instructions and a number of threads."""
        # NumPy warns of features that it would not use here
        used = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
        without = [name for name in used if name.startswith(self.numpy_without)]
        return {
            "OPENBLAS_CORETYPE": self.openblas,
            "ATEN_CPU_CAPABILITY": self.torch,
            "ONEDNN_MAX_CPU_ISA": self.onednn,
            "MKL_ENABLE_INSTRUCTIONS": self.mkl,
            "NPY_DISABLE_CPU_FEATURES": ",".join(without),
            **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")},
        }


SSE4 = Kind("SSE4", "SSE41", "Prescott", "default", "SSE41", "SSE4_2", ("",))
AVX = Kind("AVX", "AVX", "Sandybridge", "default", "AVX", "AVX", ("",))
#: OpenBLAS takes the same kernels for AMD's Zen.
AVX2 = Kind("AVX2", "AVX2", "Haswell", "avx2", "AVX2", "AVX2", ("X86_V4", "AVX512"))
AVX512 = Kind("AVX-512", "AVX512_SKX", "SkylakeX", "avx512", "ALL", "AVX512", ())
#: Kinds, each with a number of threads.
RUNS = ((SSE4, 1), (AVX, 1), (AVX2, 1), (AVX2, 2), (AVX512, 1), (AVX512, 2))


def main(arguments: list[str]) -> None:
    """Run pytest once for each of ``RUNS``; exit with the names of those that fail."""
    failed = []
    for kind, threads in RUNS:
        title = f"{kind.name} with {threads} thread{'s' if threads > 1 else ''}"
        if not __cpu_features__.get(kind.needs):
            print(f"SKIPPED: {title}: this processor has no {kind.needs}", flush=True)
            continue
        settings = kind.environment(threads)
        environment = {**os.environ, **settings}
        chosen = subprocess.run(
            [sys.executable, "-c", _CHOSEN],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        repeat = " ".join(f"{name}={value}" for name, value in settings.items())
        print(f"\n== {title}: {chosen.stdout}\n{repeat}", flush=True)
        command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *arguments]
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(title)
    if failed:
        sys.exit(f"Failed as on processors of the kinds: {'; '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
