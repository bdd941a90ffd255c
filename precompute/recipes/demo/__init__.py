"""Everything of the demo but its store, from seeds: `python -m precompute.recipes.demo`.

Trains a small open_clip model and a teacher on drawn scenes that the demo does not hold, and
writes specs/demo/: concepts.txt, encoder/, teacher.pt. The store then comes from
`inficond precompute specs/demo.yaml`.
"""
