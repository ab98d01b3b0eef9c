-- Who has been signed in here. What belongs to one is never shown to another.
CREATE TABLE accounts (
    number INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user TEXT NOT NULL,
    -- What the server says it can do; NULL at level Base.
    discovery TEXT,
    has_synced INTEGER NOT NULL DEFAULT 0,
    UNIQUE (server, user_id)
) STRICT;

-- One row: who was signed in last.
CREATE TABLE last_session (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    account INTEGER NOT NULL REFERENCES accounts (number),
    is_signed_in INTEGER NOT NULL
) STRICT;

CREATE TABLE chats (
    number INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (number),
    id TEXT NOT NULL,
    -- The chat as the server told it, without its last message.
    facts TEXT NOT NULL,
    unread INTEGER NOT NULL DEFAULT 0,
    -- What the server's own count must be, and the part of it that has been read here without its knowledge.
    server_unread INTEGER NOT NULL DEFAULT 0,
    read_here INTEGER NOT NULL DEFAULT 0,
    -- How far the person has read.
    marker_at INTEGER,
    marker_id TEXT,
    marker_is_confirmed INTEGER NOT NULL DEFAULT 0,
    -- How far others have read.
    reads TEXT NOT NULL DEFAULT '[]',
    UNIQUE (account, id)
) STRICT;

CREATE TABLE messages (
    chat INTEGER NOT NULL REFERENCES chats (number) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    id TEXT NOT NULL,
    -- Whether there may be messages before this one that are not stored.
    gap INTEGER NOT NULL,
    sender TEXT NOT NULL,
    client_id TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (chat, at, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (chat, id);
CREATE INDEX messages_by_client_id ON messages (chat, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE outbox (
    -- The order of sending.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts (number),
    client_id TEXT NOT NULL,
    chat TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- The newest message of the chat when this was written.
    after TEXT,
    parked_code TEXT,
    parked_message TEXT,
    UNIQUE (account, client_id)
) STRICT;

CREATE TABLE drafts (
    account INTEGER NOT NULL REFERENCES accounts (number),
    chat TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (account, chat)
) STRICT, WITHOUT ROWID;
