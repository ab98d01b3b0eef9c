-- Words go under the chat that they were said in, so that looking for one takes as long as there are such words in
-- one's own chats, and tells nothing of others. The index is filled anew by the server.
DROP TABLE search;
CREATE VIRTUAL TABLE search USING fts5 (words, tokenize = 'unicode61 remove_diacritics 0', content = '', contentless_delete = 1);
