-- The beginnings of words are filed too, of one to three letters after the six of the chat: thousands of words share
-- them, and putting together where all of those stand takes a second. The index is filled anew by the server.
DROP TABLE search;
CREATE VIRTUAL TABLE search USING fts5 (words, tokenize = 'unicode61 remove_diacritics 0', prefix = '7 8 9', content = '', contentless_delete = 1);
