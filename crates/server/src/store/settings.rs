//! What the server remembers of itself: its secret, made once and shared by all nodes through the database.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore as _;

use super::{Conn, Store, query};
use crate::Error;

/// The secret that all keys are derived from. Made at the first start.
pub(crate) async fn secret(store: &Store) -> Result<Vec<u8>, Error> {
    let text = match store.read(|conn| read(conn, "secret")).await? {
        Some(text) => text,
        None => {
            let mut fresh = [0_u8; 32];
            rand::rng().fill_bytes(&mut fresh);
            let fresh = URL_SAFE_NO_PAD.encode(fresh);
            store
                .write(move |tx| {
                    query("INSERT INTO settings (name, value) VALUES ('secret', $1) ON CONFLICT (name) DO NOTHING")
                        .bind(fresh)
                        .execute(tx.write())?;
                    read(tx.read(), "secret")?.ok_or(Error::Unavailable)
                })
                .await?
        }
    };
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Error::Internal("the stored secret is not base64url".to_owned()))
}

pub(super) fn read(conn: &mut Conn, name: &str) -> Result<Option<String>, Error> {
    query("SELECT value FROM settings WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)?
        .map(|row| row.try_get("value"))
        .transpose()
}
