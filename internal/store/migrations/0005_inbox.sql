-- Logins of the built-in inbox. mark names the password hash they were begun
-- with: they end when the password is changed.
CREATE TABLE inbox_sessions (
    hash       {BYTES} PRIMARY KEY,
    email      TEXT NOT NULL,
    mark       TEXT NOT NULL,
    started_at {INT} NOT NULL,
    expires_at {INT} NOT NULL
) {NOROWID};

CREATE INDEX conversations_closed ON conversations (active_at) WHERE state = 'closed';
