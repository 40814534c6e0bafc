-- What agents need beside the conversations themselves.

-- assignee: the e-mail address of the agent whose conversation it is.
ALTER TABLE conversations ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
CREATE INDEX conversations_assigned ON conversations (assignee, active_at) WHERE assignee <> '';

CREATE TABLE tags (
    conversation_id {INT} NOT NULL,
    tag             TEXT NOT NULL,
    PRIMARY KEY (conversation_id, tag)
) {NOROWID};
CREATE INDEX tags_tag ON tags (tag, conversation_id);

-- How far each agent has read each conversation: the newest message that was
-- shown.
CREATE TABLE looks (
    email           TEXT NOT NULL,
    conversation_id {INT} NOT NULL,
    message_id      {INT} NOT NULL,
    PRIMARY KEY (email, conversation_id)
) {NOROWID};

CREATE TABLE canned (
    name       TEXT PRIMARY KEY,
    text       TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at {INT} NOT NULL
) {NOROWID};

-- By which words a message is found: keyed hashes, from which nobody reads
-- what it says. It is written behind the ingest.
{WORDTABLE};
{WORDINDEX};
