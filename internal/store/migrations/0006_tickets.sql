-- The ticket of a conversation at a helpdesk that keeps tickets. Several
-- conversations have the same one where the helpdesk merged theirs. state and
-- position are the helpdesk's, as last read; seen is the newest inbound message
-- that was written on it.
CREATE TABLE tickets (
    account_id      {INT} NOT NULL,
    conversation_id {INT} NOT NULL,
    ticket          TEXT NOT NULL,
    url             TEXT NOT NULL,
    state           TEXT NOT NULL,
    position        TEXT NOT NULL,
    seen            {INT} NOT NULL,
    PRIMARY KEY (account_id, conversation_id)
) {NOROWID};
CREATE INDEX tickets_ticket ON tickets (account_id, ticket);

-- What was written on tickets, by us and by agents, and what became of it.
CREATE TABLE ticket_lines (
    account_id      {INT} NOT NULL,
    entry           TEXT NOT NULL,
    tag             TEXT NOT NULL,            -- of what we wrote
    conversation_id {INT} NOT NULL,
    message_id      {INT} NOT NULL,
    outcome         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    at              {INT} NOT NULL,
    PRIMARY KEY (account_id, entry)
) {NOROWID};
CREATE INDEX ticket_lines_tag ON ticket_lines (account_id, tag) WHERE tag <> '';
CREATE INDEX ticket_lines_message ON ticket_lines (message_id) WHERE message_id <> 0;
