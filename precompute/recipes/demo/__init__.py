"""Make the demo's concepts, encoder and teacher from seeds: `python -m precompute.recipes.demo`.

Trains a small open_clip model and a teacher on drawn scenes that are not in the demo, and
writes specs/demo/: concepts.txt, encoder/, teacher.pt. `inficond precompute specs/demo.yaml` then
makes the store.
"""
