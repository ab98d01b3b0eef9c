-- What versions before the fourth kept in the file of the chats.
INSERT OR IGNORE INTO unsent.accounts (number, server, user_id, user, discovery, open_chat)
SELECT number, server, user_id, user, discovery, open_chat FROM main.accounts;
INSERT OR IGNORE INTO unsent.last_session (only, account, is_signed_in)
SELECT only, account, is_signed_in FROM main.last_session;
INSERT OR IGNORE INTO unsent.outbox (number, account, client_id, chat, work, at, after, parked_code, parked_message, waits_for)
SELECT number, account, client_id, chat, work, at, after, parked_code, parked_message, waits_for FROM main.outbox;
INSERT OR IGNORE INTO unsent.drafts (account, chat, text) SELECT account, chat, text FROM main.drafts;
