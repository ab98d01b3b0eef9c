-- Who did what to whom: nothing of what people write, and nothing that opens anything. Nobody changes or deletes what is in
-- it, so it refers to nothing that may go.
CREATE TABLE audit (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    at         BIGINT NOT NULL,
    action     TEXT NOT NULL,
    -- Who did it: absent for the command line, and for somebody who is not known.
    actor_id   TEXT,
    -- Where from, when it came over the network.
    address    TEXT,
    -- To whom or what.
    user_id    TEXT,
    session_id TEXT,
    chat_id    TEXT,
    message_id TEXT,
    -- A role, a number of uses.
    detail     TEXT
);
CREATE INDEX audit_by_time ON audit (at);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE (ABORT, 'the audit log is not changed');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE (ABORT, 'the audit log is not deleted');
END;
