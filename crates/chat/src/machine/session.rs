//! Signing in and out, and keeping the session: its tokens, where they are kept, and their renewal.

mod renewal;
mod sign_in;

use std::time::Duration;

use khaya_wire::{
    Timestamp, User, UserId,
    discovery::{DEFAULT_MESSAGE_BYTES, Discovery, Feature},
};
use serde::{Deserialize, Serialize};

use super::{
    Chat, Output, SecretsAnswer, SecretsRequest, SocketCommand,
    calls::{Pending, Purpose},
    stored::Then,
};
use crate::{
    api::{ApiError, Request, Response, Server},
    intent::Secret,
    shell::{SecretsError, ShellRequest},
    store::{self, Op},
    view::{Failure, Kept},
};

/// A fresh token that has ended by the clock of this computer, which must be wrong, is taken to live this long.
const LIFE_BY_A_WRONG_CLOCK: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) enum Session {
    /// The store has not told yet who was signed in.
    #[default]
    Starting,
    SignedOut {
        server: Option<String>,
        username: Option<String>,
        failure: Option<Failure>,
    },
    SigningIn(Attempt),
    SignedIn(Box<SignedIn>),
}

/// A sign-in on its way.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) server: Server,
    pub(super) username: String,
    password: Secret,
    entrance: Entrance,
    discovery: Option<Discovery>,
}

/// How somebody gets in.
#[derive(Debug)]
pub(super) enum Entrance {
    /// With an account that there is.
    Login,
    /// With a new one.
    Register { name: String, invite: Option<Secret> },
}

#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) me: User,
    pub(super) server: Server,
    pub(super) discovery: Option<Discovery>,
    pub(super) kept: Kept,
    tokens: Option<Tokens>,
    /// Counts access tokens.
    generation: u64,
    renewal: Renewal,
    /// Calls that wait for a fresh token.
    waiting: Vec<Pending>,
    /// Whether the server would not take the access token that there is.
    is_refused: bool,
    has_rediscovered: bool,
}

#[derive(Debug, Clone)]
struct Tokens {
    access: Secret,
    refresh: Option<Secret>,
    expires_at: Option<Timestamp>,
    /// When to renew them, on the monotonic clock.
    renew_at: Option<Duration>,
}

#[derive(Debug)]
enum Renewal {
    /// Nothing to do, or not before this time.
    Idle {
        not_before: Duration,
    },
    Asked,
    /// The fresh tokens are on their way to the keyring; they are used when they are there, so that the old ones
    /// are good for as long as only they are kept.
    Saving(Tokens),
}

/// What is kept in the keyring.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedSession {
    server: String,
    user_id: UserId,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl SignedIn {
    fn new(me: User, server: Server, discovery: Option<Discovery>, kept: Kept) -> Self {
        Self {
            me,
            server,
            discovery,
            kept,
            tokens: None,
            generation: 0,
            renewal: Renewal::Idle {
                not_before: Duration::ZERO,
            },
            waiting: Vec::new(),
            is_refused: false,
            has_rediscovered: false,
        }
    }

    /// The access token, and which one it is.
    pub(super) fn access(&self) -> Option<(Secret, u64)> {
        self.tokens
            .as_ref()
            .map(|tokens| (tokens.access.clone(), self.generation))
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.discovery
            .as_ref()
            .is_some_and(|discovery| discovery.features.contains(&feature))
    }

    /// The largest file that the server takes, if it says so.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        self.discovery
            .as_ref()
            .and_then(|discovery| discovery.limits.file_bytes)
    }

    pub(super) fn message_bytes(&self) -> u64 {
        self.discovery
            .as_ref()
            .map_or(DEFAULT_MESSAGE_BYTES, |discovery| discovery.limits.message_bytes)
    }

    fn saved(&self, tokens: &Tokens) -> Secret {
        let saved = SavedSession {
            server: self.server.to_string(),
            user_id: self.me.id.clone(),
            token: tokens.access.expose().to_owned(),
            refresh_token: tokens.refresh.as_ref().map(|token| token.expose().to_owned()),
            expires_at: tokens.expires_at,
        };
        Secret::new(serde_json::to_string(&saved).unwrap_or_default())
    }

    fn adopt(&mut self, tokens: Tokens) {
        self.tokens = Some(tokens);
        self.is_refused = false;
        self.generation += 1;
    }
}

impl Chat {
    pub(super) fn start(&mut self) {
        self.store(Op::Load, Then::Load);
    }

    pub(super) fn my_id(&self) -> Option<UserId> {
        self.signed_in().map(|session| session.me.id.clone())
    }

    pub(super) fn signed_in(&self) -> Option<&SignedIn> {
        match &self.session {
            Session::SignedIn(session) => Some(session),
            Session::Starting | Session::SignedOut { .. } | Session::SigningIn(_) => None,
        }
    }

    /// Whether the server is of level Full.
    pub(super) fn is_full(&self) -> bool {
        self.signed_in()
            .is_some_and(|session| session.discovery.is_some())
    }

    pub(super) fn server_has(&self, feature: Feature) -> bool {
        self.signed_in().is_some_and(|session| session.has(feature))
    }

    pub(super) fn can_ask(&self) -> bool {
        self.signed_in().is_some_and(|session| session.tokens.is_some())
    }

    /// The store has told who was signed in.
    pub(super) fn take_profile_at_start(&mut self, profile: store::Profile) {
        let Some(last) = profile.last.clone() else {
            self.session = signed_out(None, None, None);
            return;
        };
        let server = Server::from_typed(&last.server)
            .ok()
            .filter(|_| last.is_signed_in);
        let Some(server) = server else {
            self.session = signed_out(Some(last.server), Some(last.user.username), None);
            return;
        };
        tracing::trace!(user = %last.user.id, "signed in from last time");
        self.session = Session::SignedIn(Box::new(SignedIn::new(
            last.user,
            server,
            last.discovery,
            Kept::InKeyring,
        )));
        self.take_contents(profile);
        self.out.push(Output::Secrets(SecretsRequest::Load));
    }

    pub(super) fn keep_for_this_run(&mut self) {
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        if session.tokens.is_some() {
            session.kept = Kept::ThisRunOnly;
        } else if let Kept::Undecided { failure } = &session.kept {
            // The keyring keeps what it has: this run begins with a sign-in.
            let failure = failure.clone();
            self.leave_session(Some(failure), false);
        }
    }

    /// Puts the session into the keyring, or takes it from there, where that has not come about.
    pub(super) fn save_session(&mut self) {
        if let Session::SignedIn(session) = &self.session {
            let request = match &session.tokens {
                Some(tokens) => SecretsRequest::Save(session.saved(tokens)),
                None => SecretsRequest::Load,
            };
            self.out.push(Output::Secrets(request));
        }
    }

    pub(super) fn take_secrets_answer(&mut self, answer: SecretsAnswer) {
        if let SecretsAnswer::Loaded(Err(_)) | SecretsAnswer::Saved(Err(_)) | SecretsAnswer::Deleted(Err(_)) =
            &answer
        {
            self.note("keyring", "keyring_unavailable");
        }
        match answer {
            SecretsAnswer::Loaded(loaded) => self.take_loaded(loaded),
            SecretsAnswer::Saved(saved) => self.take_saved(saved),
            SecretsAnswer::Deleted(Ok(())) => {}
            SecretsAnswer::Deleted(Err(error)) => self.alert(keyring_failure(&error)),
        }
    }

    /// Ends the session because the person wants so.
    pub(super) fn sign_out(&mut self) {
        if let Session::SignedIn(session) = &self.session
            && session.discovery.is_some()
            && let Some(tokens) = &session.tokens
        {
            let server = session.server.clone();
            let (access, refresh) = (tokens.access.clone(), tokens.refresh.clone());
            self.say_farewell(server, access, refresh);
        }
        self.leave(None);
    }

    /// Ends the session because the server will not have it any more.
    pub(super) fn end_session_for_good(&mut self) {
        self.leave(Some(Failure::new(
            "signed_out",
            "The sign-in has run out. Sign in again; what you wrote and did not send is kept.",
        )));
    }

    pub(super) fn end_revoked_session(&mut self) {
        self.leave(Some(Failure::new(
            "session_revoked",
            "This device was signed out from elsewhere. Sign in again; what you wrote and did not send is kept.",
        )));
    }

    pub(super) fn take_discovery(&mut self, result: Result<Response, ApiError>) {
        if let (Session::SignedIn(session), Ok(Response::Discovered(discovery))) = (&mut self.session, result)
        {
            session.has_rediscovered = true;
            // A server that had more than Base does not lose it: something in front of it answers for it.
            if discovery.is_some() && session.discovery != discovery {
                session.discovery.clone_from(&discovery);
                self.store(Op::PutServer { discovery }, Then::Nothing);
            }
        }
    }

    /// Asks what the server can do, if it has not been asked since the sign-in or the start.
    pub(super) fn discover(&mut self) {
        if self.signed_in().is_some_and(|session| !session.has_rediscovered) {
            self.call(Request::Discover, Purpose::Rediscover);
        }
    }

    /// Goes to work with a token that there is now.
    fn begin(&mut self) {
        self.discover();
        self.connect();
        self.fetch_soon();
    }

    fn take_loaded(&mut self, loaded: Result<Option<Secret>, SecretsError>) {
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        if session.tokens.is_some() {
            return;
        }
        let saved = match loaded {
            Ok(Some(saved)) => serde_json::from_str::<SavedSession>(saved.expose()).ok(),
            Ok(None) => None,
            Err(error) => {
                // What is on disk can be read; the rest waits for the keyring, or for the person to decide.
                session.kept = Kept::Undecided {
                    failure: keyring_failure(&error),
                };
                return;
            }
        };
        let saved = saved.filter(|saved| {
            saved.user_id == session.me.id
                && Server::from_typed(&saved.server).is_ok_and(|server| server == session.server)
        });
        match saved {
            Some(saved) => {
                session.adopt(Tokens {
                    access: Secret::new(saved.token),
                    refresh: saved.refresh_token.map(Secret::new),
                    expires_at: saved.expires_at,
                    renew_at: saved.expires_at.map(|end| renewal::renew_at(self.now, end, Duration::ZERO)),
                });
                session.kept = Kept::InKeyring;
                self.begin();
            }
            None => self.leave(Some(Failure::new(
                "signed_out",
                "The keyring has no sign-in for Khaya. Sign in again; what you wrote and did not send is kept.",
            ))),
        }
    }

    /// Leaves the session. What is on disk stays there, and comes back when the same person signs in.
    fn leave(&mut self, failure: Option<Failure>) {
        self.out.push(Output::Secrets(SecretsRequest::Delete));
        self.leave_session(failure, true);
    }

    fn leave_session(&mut self, failure: Option<Failure>, forget: bool) {
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        let waiting = std::mem::take(&mut session.waiting);
        tracing::trace!(
            code = failure.as_ref().map(|failure| failure.code.as_str()),
            "signed out"
        );
        self.session = signed_out(
            Some(session.server.to_string()),
            Some(session.me.username.clone()),
            failure,
        );
        if forget {
            self.store(Op::SignOut, Then::Nothing);
        }
        self.out.push(Output::Socket(SocketCommand::Disconnect));
        self.out.push(Output::Shell(ShellRequest::WithdrawAll));
        self.drop_calls(waiting);
        self.connection.reset();
        self.chats = super::chats::Chats::default();
        self.timeline = None;
        self.outbox = super::outbox::Outbox::default();
        self.sync = super::sync::Sync::default();
        self.typing.forget();
        self.people = None;
        self.devices = None;
        self.search = None;
        self.drop_stored();
    }
}

fn signed_out(server: Option<String>, username: Option<String>, failure: Option<Failure>) -> Session {
    Session::SignedOut {
        server,
        username,
        failure,
    }
}

fn keyring_failure(error: &SecretsError) -> Failure {
    Failure::new("keyring_unavailable", error.message.clone())
}
