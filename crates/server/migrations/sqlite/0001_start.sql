-- Times are milliseconds since 1970 in UTC. Ids are random, so that nothing can be counted by them.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE users (
    id             TEXT PRIMARY KEY NOT NULL,
    username       TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    -- The name and the username in lower case, for finding people the same way on every database.
    search_text    TEXT NOT NULL,
    role           TEXT NOT NULL,
    password_hash  TEXT NOT NULL,
    avatar_file_id TEXT,
    -- The last number of the person's `private` stream.
    private_seq    BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    -- When the last of their sockets went.
    last_seen_at   BIGINT
);

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users (id),
    client       TEXT,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    -- How often the refresh token was rotated, and the newest rotation whose access token has been used.
    generation   BIGINT NOT NULL DEFAULT 1,
    confirmed    BIGINT NOT NULL DEFAULT 0,
    revoked_at   BIGINT
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE chats (
    id         TEXT PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    topic      TEXT,
    -- The two ids of a direct chat, so that there is one for each pair.
    direct_key TEXT UNIQUE,
    created_at BIGINT NOT NULL,
    -- When its name, topic or members last changed.
    changed_at BIGINT NOT NULL,
    -- The time of the newest message, restricted or not: the next one is later.
    last_at    BIGINT NOT NULL,
    -- The last number of the `chat` stream.
    seq        BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE members (
    chat_id         TEXT NOT NULL REFERENCES chats (id),
    user_id         TEXT NOT NULL REFERENCES users (id),
    role            TEXT NOT NULL,
    joined_at       BIGINT NOT NULL,
    -- The read marker: unread is what is later. `read_id` is absent until something was marked.
    read_at         BIGINT NOT NULL,
    read_id         TEXT,
    read_restricted BIGINT NOT NULL DEFAULT 0,
    muted           BIGINT NOT NULL DEFAULT 0,
    pinned          BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, chat_id);

CREATE TABLE messages (
    -- The order in which they were stored. Never told to anyone.
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    chat_id          TEXT NOT NULL REFERENCES chats (id),
    sender_id        TEXT NOT NULL REFERENCES users (id),
    content          TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    client_id        TEXT,
    -- A hash of all that was first sent under `client_id`.
    fingerprint      TEXT,
    edited_at        BIGINT,
    deleted_at       BIGINT,
    reply_to         TEXT,
    restricted       BIGINT NOT NULL DEFAULT 0,
    -- JSON arrays as they were sent; `audience` holds the same, one row each.
    visible_to       TEXT,
    visible_to_roles TEXT,
    pinned           BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX messages_by_client_id ON messages (sender_id, client_id) WHERE client_id IS NOT NULL;
-- Restricted messages are kept out of the order that everyone reads: else the time that an answer takes would
-- tell how many there are.
CREATE UNIQUE INDEX messages_in_order ON messages (chat_id, created_at, id) WHERE restricted = 0;

-- For whom a restricted message is: its sender, the people listed, the roles listed.
CREATE TABLE audience (
    chat_id    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    message_id TEXT NOT NULL REFERENCES messages (id),
    PRIMARY KEY (chat_id, kind, value, created_at, message_id)
);
CREATE INDEX audience_of_message ON audience (message_id, kind, value);

-- The words of messages for everyone, cut by the server, under the message's number.
CREATE VIRTUAL TABLE search USING fts5 (words, tokenize = 'unicode61 remove_diacritics 0', content = '', contentless_delete = 1);

CREATE TABLE reactions (
    message_id TEXT NOT NULL REFERENCES messages (id),
    emoji      TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    at         BIGINT NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
);

CREATE TABLE invites (
    code       TEXT PRIMARY KEY NOT NULL,
    -- How many more accounts it makes.
    uses       BIGINT NOT NULL,
    expires_at BIGINT,
    role       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What was told, in the order of commits. `user_id` is absent in a `chat` stream and present in a `private` one.
CREATE TABLE events (
    pos        INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id    TEXT NOT NULL,
    user_id    TEXT,
    seq        BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    message_id TEXT,
    at         BIGINT NOT NULL
);
CREATE INDEX events_by_age ON events (at);
CREATE INDEX events_of_chat ON events (chat_id, pos) WHERE user_id IS NULL;
CREATE INDEX events_of_user ON events (user_id, pos) WHERE user_id IS NOT NULL;
