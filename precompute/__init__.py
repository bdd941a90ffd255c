"""From images to a store: encoders, segments, concepts, teachers (needs the extra ``precompute``).

from inficond_panel.spec import load_spec
import precompute
spec = load_spec("photos.yaml")
report = precompute.run(spec, spec.store, progress=print)
"""

from typing import TYPE_CHECKING

from inficond_panel.common.late import late

if TYPE_CHECKING:
    from precompute.pipeline.more import extend
    from precompute.pipeline.plan import Plan, plan
    from precompute.pipeline.run import Report, run

__all__ = ["Plan", "Report", "extend", "plan", "run"]

#: Loaded on first use: ``inficond init`` and ``check`` import the data sets without the pipeline.
__getattr__ = late(
    __name__,
    {
        "Plan": "precompute.pipeline.plan",
        "Report": "precompute.pipeline.run",
        "extend": "precompute.pipeline.more",
        "plan": "precompute.pipeline.plan",
        "run": "precompute.pipeline.run",
    },
)
