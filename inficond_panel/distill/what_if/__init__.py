"""What-if curves: metrics as functions of one weight."""
