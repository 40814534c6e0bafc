package store

type ingest struct{}

func (db *DB) applyIngests(t tx, group []*op) error { return nil }
