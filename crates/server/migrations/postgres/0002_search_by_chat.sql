-- The words of messages for everyone, cut by the server, under the message's number, each under the chat that it
-- was said in: so looking for one takes as long as there are such words in one's own chats.
CREATE TABLE search (
    rowid BIGINT PRIMARY KEY NOT NULL,
    words TSVECTOR NOT NULL
);
-- Without a list of what is still to be filed, which everyone would have to read.
CREATE INDEX search_words ON search USING gin (words) WITH (fastupdate = off);
