-- A row comes before the first byte of a file and goes after the last, so that no file is ever forgotten.
CREATE TABLE files (
    id             TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    owner_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    -- `uploading`, `stored`, `gone`: on its way, whole, to be deleted.
    state          TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    mime_type      TEXT COLLATE "C" NOT NULL,
    size           BIGINT NOT NULL,
    -- Of pictures that were looked at.
    width          BIGINT,
    height         BIGINT,
    blurhash       TEXT COLLATE "C",
    thumbnail_type TEXT COLLATE "C",
    created_at     BIGINT NOT NULL,
    -- When it goes, unless a message or a person takes it.
    expires_at     BIGINT
);
CREATE INDEX files_by_owner ON files (owner_id, size);
CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE attachments (
    message_id TEXT COLLATE "C" NOT NULL REFERENCES messages (id),
    place      BIGINT NOT NULL,
    file_id    TEXT COLLATE "C" NOT NULL REFERENCES files (id),
    PRIMARY KEY (message_id, place)
);
CREATE INDEX attachments_by_file ON attachments (file_id);

-- How many files a message has: most have none, and then nobody looks for them.
ALTER TABLE messages ADD COLUMN attached BIGINT NOT NULL DEFAULT 0;

CREATE INDEX users_by_avatar ON users (avatar_file_id) WHERE avatar_file_id IS NOT NULL;
