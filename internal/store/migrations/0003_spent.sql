-- What an account with a daily limit has sent, by stretches of ten minutes.
CREATE TABLE spent (
    account_id  {INT} NOT NULL,
    at          {INT} NOT NULL,
    requests    {INT} NOT NULL,
    recipients  {INT} NOT NULL,
    PRIMARY KEY (account_id, at)
) {NOROWID};
