-- Events are forgotten from the first on, which are the oldest: an index by their age would only be written.
DROP INDEX events_by_age;
