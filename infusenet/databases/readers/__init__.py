"""One reader per database: what is peculiar to its owners' tables and folders."""
