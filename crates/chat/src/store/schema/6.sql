-- What changes with every message, apart from the chat's facts, which are long and hardly ever change: pages are
-- encrypted whole.
CREATE TABLE counts (
    -- The number of the chat's row.
    chat INTEGER PRIMARY KEY REFERENCES chats (number) ON DELETE CASCADE,
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
    -- The newest message that names the person.
    mentioned_at INTEGER,
    mentioned_id TEXT,
    -- Whether what the server tells of this chat from the cursor on follows what is stored.
    is_linked INTEGER NOT NULL DEFAULT 0,
    -- Whether a marker stands on a message that is not stored.
    has_unplaced_reads INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO counts (chat, unread, server_unread, read_here, marker_at, marker_id, marker_is_confirmed, covered_at,
    covered_id, mentioned_at, mentioned_id, is_linked, has_unplaced_reads)
SELECT number, unread, server_unread, read_here, marker_at, marker_id, marker_is_confirmed, covered_at, covered_id,
    mentioned_at, mentioned_id, is_linked,
    EXISTS (SELECT 1 FROM json_each(reads) WHERE value ->> '$.at' IS NULL)
FROM chats;

CREATE TABLE chats_now (
    number INTEGER PRIMARY KEY,
    -- The number of the account's row in the other file.
    account INTEGER NOT NULL,
    id TEXT NOT NULL,
    -- The chat as the server told it, without its last message.
    facts TEXT NOT NULL,
    -- How far others have read.
    reads TEXT NOT NULL DEFAULT '[]',
    UNIQUE (account, id)
) STRICT;
INSERT INTO chats_now (number, account, id, facts, reads) SELECT number, account, id, facts, reads FROM chats;
DROP TABLE main.chats;
ALTER TABLE chats_now RENAME TO chats;
