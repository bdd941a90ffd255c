"""From images to a store: encoders, segments, concepts, teachers (needs the extra ``precompute``).

from inficond_panel.spec import load_spec
import precompute
spec = load_spec("photos.yaml")
report = precompute.run(spec, spec.store, progress=print)
"""

from precompute.pipeline.more import extend
from precompute.pipeline.plan import Plan, plan
from precompute.pipeline.run import Report, run

__all__ = ["Plan", "Report", "extend", "plan", "run"]
