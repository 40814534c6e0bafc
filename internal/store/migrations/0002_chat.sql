-- What channels of chat and phone need beyond those of mail.

-- A queue belongs to a lane: what is fetched from a vendor must not wait for
-- what is sent there.
ALTER TABLE queues ADD COLUMN lane TEXT NOT NULL DEFAULT 'deliver';
UPDATE queues SET lane = 'forward' WHERE account_id IN (SELECT id FROM accounts WHERE role = 'helpdesk');
DROP INDEX queues_due;
CREATE INDEX queues_due ON queues (account_id, lane, next_at) WHERE next_at IS NOT NULL;

-- about_id: the part whose medium a job fetches, the address whose profile.
ALTER TABLE jobs ADD COLUMN about_id {INT} NOT NULL DEFAULT 0;

-- A medium without a digest is still with its vendor; problem says why it will
-- not come.
ALTER TABLE media ADD COLUMN problem TEXT NOT NULL DEFAULT '';

-- profiles: the channel's vendor can be asked who a customer is.
ALTER TABLE accounts ADD COLUMN profiles {INT} NOT NULL DEFAULT 0;

-- opted_out: the customer does not want to be written to, by word of
-- consent_at. profiled_at: when the vendor was asked who this is.
ALTER TABLE addresses ADD COLUMN opted_out {INT} NOT NULL DEFAULT 0;
ALTER TABLE addresses ADD COLUMN consent_at {INT} NOT NULL DEFAULT 0;
ALTER TABLE addresses ADD COLUMN profiled_at {INT} NOT NULL DEFAULT 0;

-- How long, and how often, an account may write to an address: what is left
-- of requests, -1 for any number, and how many of them are under way.
CREATE TABLE windows (
    account_id {INT} NOT NULL,
    address_id {INT} NOT NULL,
    until      {INT} NOT NULL,
    remaining  {INT} NOT NULL,
    pending    {INT} NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, address_id)
) {NOROWID};
ALTER TABLE conversations DROP COLUMN window_until;
ALTER TABLE conversations DROP COLUMN window_left;

-- Inputs about a message that is not known yet, by the key of its name. As
-- long as some wait, table keys holds that key with mark -1, so that whoever
-- places the message meets them.
CREATE TABLE early (
    id        {INT} PRIMARY KEY,
    key       {BYTES} NOT NULL,
    ledger_id {INT} NOT NULL,
    at        {INT} NOT NULL,
    item      {BYTES} NOT NULL
);
CREATE INDEX early_key ON early (key, id);

-- By which other names vendors know who has an address.
CREATE TABLE evidence (
    address_id {INT} NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    verified   {INT} NOT NULL,
    PRIMARY KEY (address_id, kind, value)
) {NOROWID};
CREATE INDEX evidence_name ON evidence (kind, value);
