-- What waits to be sent is not only messages: `work` says what, as JSON.
ALTER TABLE outbox ADD COLUMN work TEXT NOT NULL DEFAULT '';
UPDATE outbox SET work = json_object('message', json_object('text', text));
ALTER TABLE outbox DROP COLUMN text;
-- The client id of the unsent message that this is for.
ALTER TABLE outbox ADD COLUMN waits_for TEXT;

-- The number of the last event that told of the message.
ALTER TABLE messages ADD COLUMN seq INTEGER;

-- The newest message that names the person.
ALTER TABLE chats ADD COLUMN mentioned_at INTEGER;
ALTER TABLE chats ADD COLUMN mentioned_id TEXT;
-- Whether what the server tells of this chat from the cursor on follows what is stored.
ALTER TABLE chats ADD COLUMN is_linked INTEGER NOT NULL DEFAULT 0;

-- The place in the server's events up to which everything is stored.
ALTER TABLE accounts ADD COLUMN cursor TEXT;
-- The chat that was open last.
ALTER TABLE accounts ADD COLUMN open_chat TEXT;

-- Pinned messages are few, and are found without a look at the others.
CREATE INDEX messages_pinned ON messages (chat, at, id) WHERE body ->> '$.pinned' = 1;
