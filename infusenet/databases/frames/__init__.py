"""Frame folders on disk: names of their files, the folder of each clip, changes since the last run."""
