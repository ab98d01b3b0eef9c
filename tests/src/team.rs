//! A team on a `khaya-server` of a test's own: a few people and the chats between them.

use anyhow::Result;

use crate::{artifacts::Artifacts, rest::Account, server::Server};

/// Ada and Bob, who have a direct chat; Cem, who shares the group `Garden` with both; Dora, an admin who is in no
/// chat but the group.
#[derive(Debug)]
pub struct Team {
    pub server: Server,
    pub ada: Account,
    pub bob: Account,
    pub cem: Account,
    pub dora: Account,
    /// The direct chat of Ada and Bob.
    pub direct: String,
    /// The group of all four.
    pub garden: String,
}

impl Team {
    /// Starts a server with the team on it. `options` are added to `serve`.
    ///
    /// # Errors
    /// When the server refuses any of it.
    pub async fn start(artifacts: &Artifacts, options: &[&str]) -> Result<Self> {
        let server = Server::start(artifacts, options).await?;
        let ada = server.add("ada", "Ada", "member").await?;
        let bob = server.add("bob", "Bob", "member").await?;
        let cem = server.add("cem", "Cem", "member").await?;
        let dora = server.add("dora", "Dora", "admin").await?;
        let direct = ada.start_direct(&bob).await?;
        let garden = ada.start_group("Garden", &[&bob, &cem, &dora]).await?;
        Ok(Self {
            server,
            ada,
            bob,
            cem,
            dora,
            direct,
            garden,
        })
    }

    /// Its server's address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.server.address()
    }
}
