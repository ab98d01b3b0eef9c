-- Where a message stands among those of all chats: its time, and what tells apart those of one millisecond.
ALTER TABLE messages ADD COLUMN number INTEGER;
WITH timed AS (
    SELECT chat, id, max(min(at, 4398046511103), -4398046511104) AS at FROM messages
), numbered AS (
    SELECT chat, id, (at << 20) + row_number() OVER (PARTITION BY at ORDER BY chat, id) - 1 AS number FROM timed
)
UPDATE messages SET number = numbered.number FROM numbered
WHERE messages.chat = numbered.chat AND messages.id = numbered.id;
CREATE UNIQUE INDEX messages_by_number ON messages (number);

-- The words of messages, folded and cut by the app; the rows have the numbers of the messages.
CREATE VIRTUAL TABLE search USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* Co'"
);
CREATE TRIGGER messages_leave_search AFTER DELETE ON messages BEGIN
    DELETE FROM search WHERE rowid = OLD.number;
END;
