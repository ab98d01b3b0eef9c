//! Signing in: the address, what the server can do, the password, and the account on disk.

use khaya_wire::rest;

use super::{Attempt, LIFE_BY_A_WRONG_CLOCK, Session, SignedIn, Tokens, renewal::renew_at, signed_out};
use crate::{
    api::{ApiError, Request, Response, Server},
    intent::Secret,
    machine::{Chat, calls::Purpose, stored::Then},
    store::{self, Op},
    view::{Failure, Kept},
};

impl Chat {
    pub(in crate::machine) fn sign_in(&mut self, server: &str, username: String, password: Secret) {
        if matches!(self.session, Session::SignedIn(_)) {
            self.leave(None);
        }
        self.drop_calls();
        // An attempt before this one may be on its way to the disk; it is not this one.
        self.stores.retain(|_, then| !matches!(then, Then::SignIn(_)));
        let typed = server.trim().to_owned();
        match Server::from_typed(&typed) {
            Ok(server) => {
                self.session = Session::SigningIn(Attempt {
                    server,
                    username,
                    password,
                    discovery: None,
                });
                self.call(Request::Discover, Purpose::DiscoverToSignIn);
            }
            Err(error) => {
                let failure = Failure::new("invalid_address", error.to_string());
                self.session = signed_out(Some(typed), Some(username), Some(failure));
            }
        }
    }

    pub(in crate::machine) fn take_discovery_to_sign_in(&mut self, result: Result<Response, ApiError>) {
        let Session::SigningIn(attempt) = &mut self.session else {
            return;
        };
        match result {
            Ok(Response::Discovered(discovery)) => {
                attempt.discovery = discovery;
                let login = rest::Login {
                    username: attempt.username.clone(),
                    password: attempt.password.expose().to_owned(),
                };
                self.call(Request::Login(login), Purpose::Login);
            }
            Ok(_) => self.fail_to_sign_in(ApiError::NotKhaya.failure()),
            Err(error) => self.fail_to_sign_in(error.failure()),
        }
    }

    pub(in crate::machine) fn take_login(&mut self, result: Result<Response, ApiError>) {
        let Session::SigningIn(attempt) = &self.session else {
            return;
        };
        match result {
            Ok(Response::SignedIn(answer)) => {
                let session = store::SignedIn {
                    server: attempt.server.to_string(),
                    discovery: attempt.discovery.clone(),
                    user: answer.user.clone(),
                };
                self.store(Op::SignIn(Box::new(session)), Then::SignIn(answer));
            }
            Ok(_) => self.fail_to_sign_in(ApiError::NotKhaya.failure()),
            Err(error) => self.fail_to_sign_in(error.failure()),
        }
    }

    pub(in crate::machine) fn fail_to_sign_in(&mut self, failure: Failure) {
        if let Session::SigningIn(attempt) = &self.session {
            self.session = signed_out(
                Some(attempt.server.to_string()),
                Some(attempt.username.clone()),
                Some(failure),
            );
        }
    }

    /// The store has taken the sign-in.
    pub(in crate::machine) fn take_profile_at_sign_in(
        &mut self,
        answer: rest::SignedIn,
        profile: store::Profile,
    ) {
        let Session::SigningIn(attempt) = &self.session else {
            return;
        };
        tracing::trace!(user = %answer.user.id, "signed in");
        let mut session = SignedIn::new(
            answer.user,
            attempt.server.clone(),
            attempt.discovery.clone(),
            Kept::InKeyring,
        );
        session.has_rediscovered = true;
        session.adopt(Tokens {
            access: Secret::new(answer.token),
            refresh: answer.refresh_token.map(Secret::new),
            expires_at: answer.expires_at,
            renew_at: answer
                .expires_at
                .map(|end| renew_at(self.now, end, LIFE_BY_A_WRONG_CLOCK)),
        });
        self.session = Session::SignedIn(Box::new(session));
        self.take_contents(profile);
        self.save_session();
        self.begin();
    }
}
