-- The last message that the server's count covered when it told it; what came later is counted here.
ALTER TABLE chats ADD COLUMN covered_at INTEGER;
ALTER TABLE chats ADD COLUMN covered_id TEXT;
