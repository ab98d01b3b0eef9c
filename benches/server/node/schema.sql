CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL, username TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL REFERENCES users (id), created_at INTEGER NOT NULL,
    revoked_at INTEGER
);
CREATE TABLE chats (id TEXT PRIMARY KEY NOT NULL, last_at INTEGER NOT NULL, seq INTEGER NOT NULL DEFAULT 0);
CREATE TABLE members (
    chat_id TEXT NOT NULL REFERENCES chats (id), user_id TEXT NOT NULL REFERENCES users (id),
    PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, chat_id);
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, chat_id TEXT NOT NULL REFERENCES chats (id),
    sender_id TEXT NOT NULL REFERENCES users (id), content TEXT NOT NULL, created_at INTEGER NOT NULL,
    client_id TEXT, fingerprint TEXT
);
CREATE UNIQUE INDEX messages_by_client_id ON messages (sender_id, client_id) WHERE client_id IS NOT NULL;
CREATE UNIQUE INDEX messages_in_order ON messages (chat_id, created_at, id);
CREATE VIRTUAL TABLE search USING fts5 (words, tokenize = 'unicode61 remove_diacritics 0', content = '', contentless_delete = 1);
CREATE TABLE events (
    pos INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    message_id TEXT, at INTEGER NOT NULL
);
CREATE INDEX events_by_age ON events (at);
CREATE INDEX events_of_chat ON events (chat_id, pos);
