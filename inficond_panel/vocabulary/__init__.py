"""Words of the product, one record each: metrics, directions of a thumb, colour roles."""
