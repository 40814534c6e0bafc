-- Some vendors count what an account may write for each thread with an address
-- by itself. thread is the vendor's id of it; empty where all of the address's
-- have one window.
ALTER TABLE windows RENAME TO windows_of_addresses;
CREATE TABLE windows (
    account_id {INT} NOT NULL,
    address_id {INT} NOT NULL,
    thread     TEXT NOT NULL,
    until      {INT} NOT NULL,
    remaining  {INT} NOT NULL,
    pending    {INT} NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, address_id, thread)
) {NOROWID};
INSERT INTO windows (account_id, address_id, thread, until, remaining, pending)
    SELECT account_id, address_id, '', until, remaining, pending FROM windows_of_addresses;
DROP TABLE windows_of_addresses;

-- window_thread: the thread of the window that counts for a conversation.
ALTER TABLE conversations ADD COLUMN window_thread TEXT NOT NULL DEFAULT '';
