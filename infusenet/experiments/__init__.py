"""Research benches outside the pipeline: they test infusion, and measure magnifiers and optical flow."""
