//! Ending sessions at the server after they have ended here.
//!
//! Nobody waits for it. Without a network it is not done: the tokens are gone by then, and are kept nowhere for it.

use khaya_wire::rest;

use super::{Chat, Output};
use crate::{
    api::{ApiError, Call, Request, Response, Server},
    intent::Secret,
};

/// A session that is to end at its server.
#[derive(Debug)]
pub(super) struct Farewell {
    server: Server,
    /// For the case that the access token has run out.
    refresh: Option<Secret>,
}

impl Chat {
    /// Whether a server is being told that a session has ended. An app that ends waits a moment for it.
    #[must_use]
    pub fn is_saying_farewell(&self) -> bool {
        !self.farewells.is_empty()
    }

    /// Tells the server that the session of this token has ended.
    pub(super) fn say_farewell(&mut self, server: Server, access: Secret, refresh: Option<Secret>) {
        self.ask_in_farewell(Request::Logout, Some(access), Farewell { server, refresh });
    }

    pub(super) fn take_farewell(&mut self, farewell: Farewell, result: Result<Response, ApiError>) {
        let Farewell { server, refresh } = farewell;
        let last = Farewell {
            server,
            refresh: None,
        };
        match (result, refresh) {
            (Err(error), Some(refresh)) if error.requires_sign_in() => {
                let request = Request::Refresh(rest::Refresh {
                    refresh_token: refresh.expose().to_owned(),
                });
                self.ask_in_farewell(request, None, last);
            }
            (Ok(Response::Refreshed(fresh)), _) => {
                self.ask_in_farewell(Request::Logout, Some(Secret::new(fresh.token)), last);
            }
            (Ok(_), _) => tracing::trace!("the session has ended at the server"),
            (Err(error), _) => tracing::info!(%error, "the server was not told that the session has ended"),
        }
    }

    fn ask_in_farewell(&mut self, request: Request, token: Option<Secret>, farewell: Farewell) {
        let number = self.token();
        let server = farewell.server.clone();
        self.farewells.insert(number, farewell);
        self.out.push(Output::Call {
            token: number,
            call: Call {
                server,
                token,
                request,
            },
        });
    }
}
