-- Events are forgotten from the first on, which are the oldest: an index by their age would only be written.
DROP INDEX events_by_age;
-- Fresh messages that are stored and not yet in their places, so that who sends waits for one row and not for a dozen
-- pages. As JSON, which is read only if the server ended in between.
CREATE TABLE inbox (
    number  INTEGER PRIMARY KEY NOT NULL,
    message TEXT NOT NULL
);
