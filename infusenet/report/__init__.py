"""Tables and figures of the paper (`infusenet.report.tables_and_figures` lists them), and the ledger of all clips."""
