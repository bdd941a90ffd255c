"""From images to a store: encoders, segments, concepts, teachers (needs the extra ``precompute``).

from inficond_panel.spec import load_spec
import precompute
spec = load_spec("specs/coco18.yaml")
report = precompute.run(spec, spec.store, progress=print)
"""

from precompute.pipeline import run
from precompute.plan import Plan, plan
from precompute.report import Report

__all__ = ["Plan", "Report", "plan", "run"]
