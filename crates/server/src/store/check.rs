//! Whether a database is whole: as the database itself sees it, and as we do.

use super::{Conn, query, search};
use crate::Error;

/// What must hold of every database: a question that counts what breaks it, and what that is.
const RULES: &[(&str, &str)] = &[
    (
        "numbers missing within the streams of chats",
        "SELECT COUNT(*) AS broken FROM (SELECT seq - LAG(seq) OVER (PARTITION BY chat_id ORDER BY pos) AS step
         FROM events WHERE user_id IS NULL) AS steps WHERE step <> 1",
    ),
    (
        "numbers missing within the streams of people",
        "SELECT COUNT(*) AS broken FROM (SELECT seq - LAG(seq) OVER (PARTITION BY user_id ORDER BY pos) AS step
         FROM events WHERE user_id IS NOT NULL) AS steps WHERE step <> 1",
    ),
    (
        "streams of chats that end before or after their last number",
        "SELECT COUNT(*) AS broken FROM chats c
         JOIN (SELECT chat_id, MAX(seq) AS last FROM events WHERE user_id IS NULL GROUP BY chat_id) AS told
         ON told.chat_id = c.id WHERE told.last <> c.seq",
    ),
    (
        "streams of people that end before or after their last number",
        "SELECT COUNT(*) AS broken FROM users u
         JOIN (SELECT user_id, MAX(seq) AS last FROM events WHERE user_id IS NOT NULL GROUP BY user_id) AS told
         ON told.user_id = u.id WHERE told.last <> u.private_seq",
    ),
    (
        "messages that are not later than the one before",
        "SELECT COUNT(*) AS broken FROM (SELECT created_at - LAG(created_at) OVER (PARTITION BY chat_id ORDER BY number) AS step
         FROM messages) AS steps WHERE step <= 0",
    ),
    (
        "messages that are later than their chat knows",
        "SELECT COUNT(*) AS broken FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.created_at > c.last_at",
    ),
    (
        "restricted messages that their sender is not listed for, or ones for everyone that list somebody",
        "SELECT COUNT(*) AS broken FROM messages m WHERE m.restricted <> (SELECT COUNT(*) FROM audience a
         WHERE a.message_id = m.id AND a.kind = 'user' AND a.value = m.sender_id)",
    ),
    (
        "rows of an audience at another place than their message",
        "SELECT COUNT(*) AS broken FROM audience a LEFT JOIN messages m ON m.id = a.message_id AND m.chat_id = a.chat_id
         AND m.created_at = a.created_at AND m.restricted = 1 WHERE m.id IS NULL",
    ),
    (
        "answers to messages that there are not in the same chat",
        "SELECT COUNT(*) AS broken FROM messages m LEFT JOIN messages answered
         ON answered.id = m.reply_to AND answered.chat_id = m.chat_id
         WHERE m.reply_to IS NOT NULL AND answered.id IS NULL",
    ),
    (
        "deleted messages that still have content or reactions",
        "SELECT COUNT(*) AS broken FROM messages m WHERE m.deleted_at IS NOT NULL
         AND (m.content <> '' OR EXISTS (SELECT 1 FROM reactions r WHERE r.message_id = m.id))",
    ),
    (
        "messages that say wrongly how many files they have",
        "SELECT COUNT(*) AS broken FROM messages m
         WHERE m.attached <> (SELECT COUNT(*) FROM attachments t WHERE t.message_id = m.id)",
    ),
    (
        "chats without members, and groups without an owner",
        "SELECT COUNT(*) AS broken FROM chats c WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.chat_id = c.id
         AND (c.kind = 'direct' OR m.role = 'owner'))",
    ),
    (
        "words filed for messages that must not be found",
        "SELECT COUNT(*) AS broken FROM search s LEFT JOIN messages m ON m.number = s.rowid
         AND m.restricted = 0 AND m.deleted_at IS NULL WHERE m.number IS NULL",
    ),
];

/// What is broken, a sentence each; nothing when all is well.
pub(super) fn check(conn: &mut Conn, progress: &mut dyn FnMut(&'static str)) -> Result<Vec<String>, Error> {
    let mut broken = match conn {
        Conn::Sqlite(sqlite) => {
            progress("what SQLite finds");
            sqlite.check()?
        }
        // Postgres keeps its constraints itself, and looks at its pages as it reads them.
        Conn::Postgres(_) => Vec::new(),
    };
    for (what, sql) in RULES {
        progress(what);
        let count: i64 = query(sql).fetch_one(conn)?.try_get("broken")?;
        if count > 0 {
            broken.push(format!("{count} {what}"));
        }
    }
    progress("messages whose words are not filed");
    let missing = search::count_missing(conn)?;
    if missing > 0 {
        broken.push(format!("{missing} messages whose words are not filed"));
    }
    Ok(broken)
}
