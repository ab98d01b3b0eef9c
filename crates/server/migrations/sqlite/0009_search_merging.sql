-- What was filed at once is put together with the rest when there is eight times as much of it: less often than by itself,
-- as many more are filed at once.
INSERT INTO search (search, rank) VALUES ('automerge', 8);
