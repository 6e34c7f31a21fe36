"""Two research benches outside the pipeline: one tests infusion, the other measures magnifiers."""
