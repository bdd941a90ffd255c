"""A spec without problems."""

GOOD = """\
title: Small
dataset:
  kind: table
  root: data
  labels: labels.csv
  splits:
    fit: train.txt
    tune: {from: test, share: 0.5}
    holdout: rest
concepts:
  corpus: words.txt
  encoder: {model: ViT-B-16, pretrained: weights.pt}
teacher: {kind: logits, path: logits.csv}
"""
