//! What went wrong lately, and how the machine is: for who looks for a fault.

use std::collections::VecDeque;

use super::{Chat, session::Session};
use crate::{
    diagnosis::{Condition, Fault},
    view::Kept,
};

/// So many are remembered.
const MOST: usize = 30;

/// The latest faults, newest last.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<Fault>);

impl Chat {
    /// How the machine is. Nothing of what people write, and nobody's name.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let connection = self.connection.show();
        let signed_in = self.signed_in();
        Condition {
            session: match &self.session {
                Session::Starting => "starting",
                Session::SignedOut { .. } => "signedOut",
                Session::SigningIn(_) => "signingIn",
                Session::SignedIn(_) => "signedIn",
            },
            keyring: signed_in.map(|session| match session.kept {
                Kept::InKeyring => "inKeyring",
                Kept::Undecided { .. } => "undecided",
                Kept::ThisRunOnly => "thisRunOnly",
            }),
            server: signed_in.map(|session| session.server.to_string()),
            features: signed_in.map(super::show::features).unwrap_or_default(),
            connection: connection.state,
            transport: connection.transport,
            connections: self.connection.count(),
            cursor: self.sync.cursor().map(str::to_owned),
            catching_up: self.sync.progress(),
            chats: self.chats.rows.len(),
            window: self
                .timeline
                .as_ref()
                .map_or(0, |timeline| timeline.messages.len()),
            outbox: self.outbox.condition(),
            calls: self.calls.len(),
            faults: self.faults.0.iter().cloned().collect(),
        }
    }

    pub(super) fn note(&mut self, what: &'static str, code: &str) {
        if self.faults.0.len() == MOST {
            self.faults.0.pop_front();
        }
        self.faults.0.push_back(Fault {
            at: self.now.wall,
            what,
            code: code.to_owned(),
        });
    }
}
