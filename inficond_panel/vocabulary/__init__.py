"""Words of the product, one record per word: metrics, directions of a thumb, colour roles."""
