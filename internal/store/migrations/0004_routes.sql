-- route: which conversations a helpdesk gets, as an expression; all where empty.
ALTER TABLE accounts ADD COLUMN route TEXT NOT NULL DEFAULT '';

-- What was decided of a conversation for a helpdesk that had a rule then. It is
-- decided once and followed for ever.
CREATE TABLE routes (
    conversation_id {INT} NOT NULL,
    account_id      {INT} NOT NULL,
    taken           {INT} NOT NULL,
    why             TEXT NOT NULL,
    PRIMARY KEY (conversation_id, account_id)
) {NOROWID};
