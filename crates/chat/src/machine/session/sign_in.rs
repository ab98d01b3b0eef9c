//! Signing in: the address, what the server can do, the password, and the account on disk.

use khaya_wire::{Code, discovery::Feature, rest};

use super::{
    Attempt, Entrance, LIFE_BY_A_WRONG_CLOCK, Session, SignedIn, Tokens, renewal::renew_at, signed_out,
};
use crate::{
    api::{ApiError, Request, Response, Server},
    intent::Secret,
    machine::{Chat, calls::Purpose, stored::Then},
    store::{self, Op},
    view::{Failure, Kept},
};

impl Chat {
    pub(in crate::machine) fn sign_in(
        &mut self,
        server: &str,
        username: String,
        password: Secret,
        entrance: Entrance,
    ) {
        if matches!(self.session, Session::SignedIn(_)) {
            self.leave(None);
        }
        self.drop_calls(Vec::new());
        // An attempt before this one may be on its way to the disk; it is not this one.
        self.stores.retain(|_, then| !matches!(then, Then::SignIn(_)));
        let typed = server.trim().to_owned();
        match Server::from_typed(&typed) {
            Ok(server) => {
                self.session = Session::SigningIn(Attempt {
                    server,
                    username,
                    password,
                    entrance,
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
                let makes_accounts = attempt
                    .discovery
                    .as_ref()
                    .is_some_and(|discovery| discovery.features.contains(&Feature::Register));
                let username = attempt.username.clone();
                let password = attempt.password.expose().to_owned();
                let request = match &attempt.entrance {
                    Entrance::Login => Request::Login(rest::Login { username, password }),
                    Entrance::Register { .. } if !makes_accounts => {
                        let failure = Failure::new(
                            "no_registration",
                            "This server makes no accounts in the app. Ask whoever runs it for one.",
                        );
                        return self.fail_to_sign_in(failure);
                    }
                    Entrance::Register { name, invite } => Request::Register(rest::Register {
                        username,
                        password,
                        name: name.clone(),
                        invite: invite.as_ref().map(|code| code.expose().to_owned()),
                    }),
                };
                self.call(request, Purpose::Login);
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
            Err(error) => {
                let failure = match attempt.entrance {
                    Entrance::Login => error.failure(),
                    Entrance::Register { .. } => refused_account(&error),
                };
                self.fail_to_sign_in(failure);
            }
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

/// Why there is no new account, in a sentence for who wants one.
fn refused_account(error: &ApiError) -> Failure {
    match error {
        ApiError::Refused {
            code: Code::Forbidden,
            ..
        } => Failure::new(
            "invite_refused",
            "The server lets nobody in with this invitation: it may have been used or have run out. Ask for a new one.",
        ),
        ApiError::Refused {
            code: Code::Conflict, ..
        } => Failure::new(
            "username_taken",
            "Somebody has this username already. Choose another one.",
        ),
        ApiError::Refused { .. }
        | ApiError::Unreachable
        | ApiError::Timeout
        | ApiError::Interrupted
        | ApiError::Tls
        | ApiError::NotKhaya
        | ApiError::LocalFile(_) => error.failure(),
    }
}
