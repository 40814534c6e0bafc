-- The files that raw inputs were kept without, since they carry them.
CREATE TABLE raw_files (
    ledger_id {INT} NOT NULL,
    digest    {BYTES} NOT NULL,
    PRIMARY KEY (ledger_id, digest)
) {NOROWID};
CREATE INDEX raw_files_digest ON raw_files (digest);

-- What comes again from quarantine is asked for by its size.
CREATE INDEX ledger_quarantined ON ledger (size) WHERE outcome = 'quarantined';
