-- How far the index of words has come: messages up to this number are in it, later ones are looked through. Sends do not
-- wait for it, and many messages are filed at once for a part of the work.
CREATE TABLE search_progress (
    filed_to BIGINT NOT NULL
);
INSERT INTO search_progress (filed_to) SELECT COALESCE(MAX(number), 0) FROM messages;
