-- Types and the few real differences between the engines stand as words in
-- braces; dialect.go gives each engine's text. Times are microseconds UTC,
-- ids are normalize.ID. JSON payloads are text, or deflate-compressed bytes.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value {BYTES} NOT NULL
) {NOROWID};

-- Configured channels and helpdesks, as the daemon last registered them.
CREATE TABLE accounts (
    id           {SERIAL},
    name         TEXT NOT NULL UNIQUE,
    role         TEXT NOT NULL,               -- channel | helpdesk
    type         TEXT NOT NULL,
    enabled      {INT} NOT NULL DEFAULT 1,
    wants        TEXT NOT NULL DEFAULT '',    -- helpdesks: event types, space-separated
    state        TEXT NOT NULL DEFAULT '',
    reason       TEXT NOT NULL DEFAULT '',
    state_at     {INT} NOT NULL DEFAULT 0,
    paused_by    TEXT NOT NULL DEFAULT '',
    paused_why   TEXT NOT NULL DEFAULT '',
    paused_at    {INT} NOT NULL DEFAULT 0
);

CREATE TABLE leases (
    name  TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until {INT} NOT NULL,
    fence {INT} NOT NULL
) {NOROWID};

CREATE TABLE cursors (
    account_id {INT} NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) {NOROWID};

CREATE TABLE api_tokens (
    hash       {BYTES} PRIMARY KEY,
    id         {INT} NOT NULL,
    name       TEXT NOT NULL,
    created_at {INT} NOT NULL,
    revoked_at {INT} NOT NULL DEFAULT 0
) {NOROWID};

CREATE TABLE vendor_tokens (
    account TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    expires {INT} NOT NULL,
    PRIMARY KEY (account, name)
) {NOROWID};

CREATE TABLE customers (
    id         {INT} PRIMARY KEY,
    name       TEXT NOT NULL,
    merged_into {INT} NOT NULL DEFAULT 0,
    erased_at  {INT} NOT NULL DEFAULT 0
);

CREATE TABLE addresses (
    id          {INT} PRIMARY KEY,
    kind        TEXT NOT NULL,
    value       TEXT NOT NULL,
    name        TEXT NOT NULL,
    customer_id {INT} NOT NULL,
    evidence    TEXT NOT NULL,
    author      TEXT NOT NULL,
    linked_at   {INT} NOT NULL,
    unreachable TEXT NOT NULL DEFAULT '',     -- why, or empty
    UNIQUE (kind, value)
);
CREATE INDEX addresses_customer ON addresses (customer_id);

CREATE TABLE merges (
    id        {INT} PRIMARY KEY,
    from_id   {INT} NOT NULL,
    into_id   {INT} NOT NULL,
    reason    TEXT NOT NULL,
    evidence  TEXT NOT NULL,
    author    TEXT NOT NULL,
    undone_at {INT} NOT NULL DEFAULT 0,
    undone_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX merges_from ON merges (from_id);
CREATE INDEX merges_into ON merges (into_id);

CREATE TABLE merge_moves (
    merge_id   {INT} NOT NULL,
    address_id {INT} NOT NULL,
    evidence   TEXT NOT NULL,                 -- as before the merge
    PRIMARY KEY (merge_id, address_id)
) {NOROWID};

CREATE TABLE conversations (
    id            {INT} PRIMARY KEY,
    account_id    {INT} NOT NULL,
    address_id    {INT} NOT NULL,
    subject       TEXT NOT NULL,
    state         TEXT NOT NULL,
    closed_at     {INT} NOT NULL DEFAULT 0,
    active_at     {INT} NOT NULL,
    last_inbound  {INT} NOT NULL DEFAULT 0,   -- message id
    window_until  {INT} NOT NULL DEFAULT 0,
    window_left   {INT} NOT NULL DEFAULT 0,
    erased_at     {INT} NOT NULL DEFAULT 0
);
CREATE INDEX conversations_address ON conversations (address_id, id);
CREATE INDEX conversations_open ON conversations (active_at) WHERE state = 'open';

-- owner_id is the address of the conversation: the timeline that a message is
-- on. address_id is who wrote it, or is written to.
CREATE TABLE messages (
    id              {INT} PRIMARY KEY,
    conversation_id {INT} NOT NULL,
    owner_id        {INT} NOT NULL,
    address_id      {INT} NOT NULL,
    account_id      {INT} NOT NULL,
    ledger_id       {INT} NOT NULL,
    flags           {INT} NOT NULL,
    sent_at         {INT} NOT NULL,
    external_id     TEXT NOT NULL,
    payload         {BYTES} NOT NULL
);
CREATE INDEX messages_owner ON messages (owner_id, id);

-- Everything that is found by a vendor's name: 16 bytes of a keyed hash over
-- namespace, account and name. mark is the fingerprint's hash.
CREATE TABLE keys (
    key  {BYTES} PRIMARY KEY,
    ref  {INT} NOT NULL,
    mark {INT} NOT NULL
) {NOROWID};

CREATE TABLE ledger (
    id          {INT} PRIMARY KEY,
    account_id  {INT} NOT NULL,
    name        TEXT NOT NULL,                -- Input.Key
    received_at {INT} NOT NULL,
    outcome     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    message_id  {INT} NOT NULL,
    size        {INT} NOT NULL
);
CREATE INDEX ledger_message ON ledger (message_id) WHERE message_id <> 0;
CREATE INDEX ledger_odd ON ledger (outcome, id) WHERE outcome <> 'accepted';

CREATE TABLE raws (
    ledger_id    {INT} PRIMARY KEY,
    content_type TEXT NOT NULL,
    meta         TEXT NOT NULL,
    encoding     TEXT NOT NULL,
    digest       {BYTES} NOT NULL,
    data         {BYTES} NOT NULL
);
CREATE INDEX raws_files ON raws (digest) WHERE encoding = 'file';

CREATE TABLE media (
    id           {INT} PRIMARY KEY,
    digest       TEXT NOT NULL,
    name         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size         {INT} NOT NULL,
    message_id   {INT} NOT NULL DEFAULT 0     -- 0: uploaded, and in no message
);
CREATE INDEX media_digest ON media (digest);
CREATE INDEX media_uploads ON media (id) WHERE message_id = 0;

-- Files that may have lost their last reference; a sweep looks and forgets.
CREATE TABLE orphans (
    digest TEXT PRIMARY KEY,
    at     {INT} NOT NULL
) {NOROWID};

-- Outbound parts only; what an inbound part is stands in its message.
CREATE TABLE parts (
    id          {INT} PRIMARY KEY,
    message_id  {INT} NOT NULL,
    job_id      {INT} NOT NULL,
    status      TEXT NOT NULL,
    status_at   {INT} NOT NULL,
    external_id TEXT NOT NULL DEFAULT '',
    error       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX parts_message ON parts (message_id);

CREATE TABLE receipts (
    id          {INT} PRIMARY KEY,
    message_id  {INT} NOT NULL,
    part_id     {INT} NOT NULL,
    recipient   TEXT NOT NULL,
    status      TEXT NOT NULL,
    code        TEXT NOT NULL,
    detail      TEXT NOT NULL,
    at          {INT} NOT NULL
);
CREATE INDEX receipts_message ON receipts (message_id);

-- A queue is the work of one account in one conversation; its head goes first.
-- next_at is null while it is empty.
CREATE TABLE queues (
    id              {INT} PRIMARY KEY,
    account_id      {INT} NOT NULL,
    conversation_id {INT} NOT NULL,
    next_at         {INT},
    locked_until    {INT} NOT NULL DEFAULT 0,
    fence           {INT} NOT NULL DEFAULT 0,
    UNIQUE (account_id, conversation_id)
);
CREATE INDEX queues_due ON queues (account_id, next_at) WHERE next_at IS NOT NULL;

CREATE TABLE jobs (
    id          {INT} PRIMARY KEY,
    queue_id    {INT} NOT NULL,
    task        TEXT NOT NULL,
    of_id       {INT} NOT NULL DEFAULT 0,
    message_id  {INT} NOT NULL DEFAULT 0,
    event_id    {INT} NOT NULL DEFAULT 0,
    state       TEXT NOT NULL,
    attempts    {INT} NOT NULL DEFAULT 0,
    tries       {INT} NOT NULL DEFAULT 0,
    due_at      {INT} NOT NULL,
    expires_at  {INT} NOT NULL,
    error       TEXT NOT NULL DEFAULT '',
    settled     TEXT NOT NULL DEFAULT ''       -- recipients, JSON
);
CREATE INDEX jobs_pending ON jobs (queue_id, id) WHERE state IN ('queued', 'sending');
CREATE INDEX jobs_odd ON jobs (state, id) WHERE state IN ('failed', 'uncertain', 'expired', 'cancelled');
CREATE INDEX jobs_message ON jobs (message_id) WHERE message_id <> 0;

CREATE TABLE attempts (
    job_id      {INT} NOT NULL,
    n           {INT} NOT NULL,
    started_at  {INT} NOT NULL,
    ended_at    {INT} NOT NULL DEFAULT 0,
    outcome     TEXT NOT NULL DEFAULT '',
    code        TEXT NOT NULL DEFAULT '',
    detail      TEXT NOT NULL DEFAULT '',
    external_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, n)
) {NOROWID};

-- seq is drawn last in a transaction, under a lock held to the commit.
CREATE TABLE events (
    seq             {SERIAL},
    id              {INT} NOT NULL UNIQUE,
    type            TEXT NOT NULL,
    conversation_id {INT} NOT NULL,
    ref_id          {INT} NOT NULL,
    detail          TEXT NOT NULL
);

CREATE TABLE idempotency (
    key        {BYTES} PRIMARY KEY,
    request    {BYTES} NOT NULL,
    message_id {INT} NOT NULL,
    at         {INT} NOT NULL
) {NOROWID};
CREATE INDEX idempotency_at ON idempotency (at);
