//! What is done with a whole database beside a server or without one: moving it, copying it, checking it.

use std::path::{Path, PathBuf};

pub(crate) use super::transfer::Moved;
use super::transfer::Purpose;
use super::{Conn, check as rules, connect, on_a_thread, sqlite, transfer};
use crate::{Database, Error};

/// Moves everything into a database that is empty. Nobody else may be at either, as what they change meanwhile
/// would be lost.
pub(crate) async fn migrate(
    from: Database,
    to: Database,
    progress: impl FnMut(&str) + Send + 'static,
) -> Result<Vec<Moved>, Error> {
    fill(from, to, Purpose::Move, progress).await
}

/// The same with a copy: what happened after it was made has not happened any more.
pub(crate) async fn restore(
    from: Database,
    to: Database,
    progress: impl FnMut(&str) + Send + 'static,
) -> Result<Vec<Moved>, Error> {
    fill(from, to, Purpose::Restore, progress).await
}

async fn fill(
    from: Database,
    to: Database,
    purpose: Purpose,
    mut progress: impl FnMut(&str) + Send + 'static,
) -> Result<Vec<Moved>, Error> {
    on_a_thread(move || {
        let mut source = connect(&from)?.write;
        let mut target = connect(&to)?.write;
        for (conn, place) in [(&mut source, &from), (&mut target, &to)] {
            if conn.is_shared()? {
                return Err(Error::Config(format!(
                    "a server is at {place}; stop it first, so that nothing is lost that it would still store"
                )));
            }
        }
        move_all(&mut source, &mut target, purpose, &mut progress)
    })
    .await
}

/// Copies a database into a folder, while servers go on with it. The copy is SQLite, whatever the original is.
pub(crate) async fn back_up(
    from: Database,
    to: PathBuf,
    mut progress: impl FnMut(&str) + Send + 'static,
) -> Result<(), Error> {
    on_a_thread(move || {
        if sqlite::file_in(&to).exists() {
            return Err(Error::Config(format!(
                "there is a database in {} already; name a folder that is empty, or not there yet",
                to.display()
            )));
        }
        let mut source = connect(&from)?.write;
        let copied = copy(&mut source, &to, &mut progress);
        if copied.is_err() {
            // Half a copy would be taken for one.
            let _not_there = std::fs::remove_file(sqlite::file_in(&to));
        }
        copied
    })
    .await
}

/// What is broken in a database, a sentence each.
pub(crate) async fn check(
    database: Database,
    mut progress: impl FnMut(&str) + Send + 'static,
) -> Result<Vec<String>, Error> {
    on_a_thread(move || {
        let mut conn = connect(&database)?.write;
        conn.begin_snapshot()?;
        let broken = rules::check(&mut conn, &mut |what| progress(&format!("looking for {what}")));
        conn.roll_back()?;
        broken
    })
    .await
}

fn copy(source: &mut Conn, to: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), Error> {
    match source {
        Conn::Sqlite(source) => source.copy_to(to, &mut |done, of| {
            progress(&format!("copied {done} of {of} pages"));
        }),
        Conn::Postgres(_) => {
            let mut target = connect(&Database::Sqlite(to.to_owned()))?.write;
            move_all(source, &mut target, Purpose::Move, progress).map(|_moved| ())
        }
    }
}

fn move_all(
    source: &mut Conn,
    target: &mut Conn,
    purpose: Purpose,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Moved>, Error> {
    transfer::transfer(source, target, purpose, &mut |table, rows| {
        progress(&format!("moved {rows} rows of {table}"));
    })
}
