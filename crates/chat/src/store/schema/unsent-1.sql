-- Who has been signed in here. What belongs to one is never shown to another.
CREATE TABLE unsent.accounts (
    -- Made of the two that it stands for, so that either file can be begun anew beside the other.
    number INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user TEXT NOT NULL,
    -- What the server says it can do; NULL at level Base.
    discovery TEXT,
    -- The chat that was open last.
    open_chat TEXT,
    UNIQUE (server, user_id)
) STRICT;

-- One row: who was signed in last.
CREATE TABLE unsent.last_session (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    account INTEGER NOT NULL REFERENCES accounts (number),
    is_signed_in INTEGER NOT NULL
) STRICT;

CREATE TABLE unsent.outbox (
    -- The order of sending.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts (number),
    client_id TEXT NOT NULL,
    chat TEXT NOT NULL,
    -- What it is, as JSON: a message, or a change of one or of the chat.
    work TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- The newest message of the chat when this was written.
    after TEXT,
    parked_code TEXT,
    parked_message TEXT,
    -- The client id of the unsent message that this is for.
    waits_for TEXT,
    UNIQUE (account, client_id)
) STRICT;

CREATE TABLE unsent.drafts (
    account INTEGER NOT NULL REFERENCES accounts (number),
    chat TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (account, chat)
) STRICT, WITHOUT ROWID;
