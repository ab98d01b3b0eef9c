-- Who was signed in and what they typed is in a file of its own by now.
CREATE TABLE synced (
    -- The number of the account's row in the other file.
    account INTEGER PRIMARY KEY,
    -- Whether the list of chats has been fetched.
    has_chats INTEGER NOT NULL DEFAULT 0,
    -- The place in the server's events up to which everything is stored.
    cursor TEXT
) STRICT;
INSERT INTO synced (account, has_chats, cursor) SELECT number, has_synced, cursor FROM main.accounts;

CREATE TABLE chats_now (
    number INTEGER PRIMARY KEY,
    -- The number of the account's row in the other file.
    account INTEGER NOT NULL,
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
    -- The last message that the server's count covered when it told it; what came later is counted here.
    covered_at INTEGER,
    covered_id TEXT,
    -- How far others have read.
    reads TEXT NOT NULL DEFAULT '[]',
    -- The newest message that names the person.
    mentioned_at INTEGER,
    mentioned_id TEXT,
    -- Whether what the server tells of this chat from the cursor on follows what is stored.
    is_linked INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, id)
) STRICT;
INSERT INTO chats_now (number, account, id, facts, unread, server_unread, read_here, marker_at, marker_id,
    marker_is_confirmed, covered_at, covered_id, reads, mentioned_at, mentioned_id, is_linked)
SELECT number, account, id, facts, unread, server_unread, read_here, marker_at, marker_id,
    marker_is_confirmed, covered_at, covered_id, reads, mentioned_at, mentioned_id, is_linked FROM main.chats;
DROP TABLE main.chats;
ALTER TABLE chats_now RENAME TO chats;

DROP TABLE main.drafts;
DROP TABLE main.outbox;
DROP TABLE main.last_session;
DROP TABLE main.accounts;
