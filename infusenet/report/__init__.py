"""Tables and figures of the paper (`infusenet.report.targets` lists them), and the ledger of all clips."""
