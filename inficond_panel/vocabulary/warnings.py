"""First words of warnings that a store keeps, where others look for them."""

#: Photos of two splits that are nearly the same.
NEAR_DUPLICATES = "nearly equal photos across splits"
