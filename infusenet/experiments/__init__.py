"""Research benches outside the pipeline: they test infusion, and measure magnifiers, optical flow and spotting."""
