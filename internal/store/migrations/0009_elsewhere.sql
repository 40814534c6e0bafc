-- What somebody wrote on another one's timeline, for who is exported or erased.
CREATE INDEX messages_elsewhere ON messages (address_id) WHERE address_id <> owner_id;
