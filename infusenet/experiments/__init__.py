"""Research benches, outside the pipeline's way: does infusion work, and what does a magnifier do?"""
