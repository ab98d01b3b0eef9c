//! Fresh tokens: before the old ones end, once for all who need them, and kept before they are used.

use std::time::Duration;

use khaya_wire::{Timestamp, discovery::Feature, event, rest};

use super::{LIFE_BY_A_WRONG_CLOCK, Renewal, Session, Tokens, keyring_failure};
use crate::{
    api::{ApiError, Request, Response},
    intent::Secret,
    machine::{
        Chat, Now, Output, SecretsRequest, SocketCommand,
        calls::{Pending, Purpose},
    },
    shell::SecretsError,
    view::Kept,
};

/// A token is renewed this long before its end, or after four fifths of its life if that is later.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// Between two tries to renew, whatever the clocks say.
const RENEW_AGAIN: Duration = Duration::from_secs(15);

impl Chat {
    /// The server would not take the token: gets a fresh one, for all who need it. Without a way to do so, the
    /// session is over.
    pub(in crate::machine) fn renew(&mut self, waiting: Option<Pending>) {
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        session.waiting.extend(waiting);
        session.is_refused = true;
        let has_refresh = session
            .tokens
            .as_ref()
            .is_some_and(|tokens| tokens.refresh.is_some());
        if has_refresh && session.has(Feature::Refresh) {
            self.refresh_if_due();
        } else {
            self.end_session_for_good();
        }
    }

    pub(super) fn ask_for_fresh(&mut self) {
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        let Some(refresh) = session.tokens.as_ref().and_then(|tokens| tokens.refresh.clone()) else {
            return;
        };
        session.renewal = Renewal::Asked;
        let request = Request::Refresh(rest::Refresh {
            refresh_token: refresh.expose().to_owned(),
        });
        self.call(request, Purpose::Refresh);
    }

    pub(in crate::machine) fn take_refreshed(&mut self, result: Result<Response, ApiError>) {
        let now = self.now.monotonic;
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        match result {
            Ok(Response::Refreshed(fresh)) => {
                let tokens = Tokens {
                    access: Secret::new(fresh.token),
                    refresh: Some(Secret::new(fresh.refresh_token)),
                    expires_at: Some(fresh.expires_at),
                    renew_at: Some(renew_at(self.now, fresh.expires_at, LIFE_BY_A_WRONG_CLOCK)),
                };
                if session.kept == Kept::InKeyring {
                    let saved = session.saved(&tokens);
                    session.renewal = Renewal::Saving(tokens);
                    self.out.push(Output::Secrets(SecretsRequest::Save(saved)));
                } else {
                    self.use_fresh(tokens);
                }
            }
            // Any other refusal may be of something in front of the server, and pass.
            Err(error) if error.requires_sign_in() => self.end_session_for_good(),
            Ok(_) | Err(_) => {
                session.renewal = Renewal::Idle {
                    not_before: now + RENEW_AGAIN,
                };
                for pending in std::mem::take(&mut session.waiting) {
                    self.give_up(pending, ApiError::Unreachable);
                }
            }
        }
    }

    pub(in crate::machine) fn refresh_due(&self) -> Option<Duration> {
        let session = self.signed_in()?;
        let tokens = session.tokens.as_ref()?;
        tokens.refresh.as_ref()?;
        let Renewal::Idle { not_before } = session.renewal else {
            return None;
        };
        if !session.has(Feature::Refresh) {
            return None;
        }
        if session.is_refused {
            return Some(not_before);
        }
        Some(tokens.renew_at?.max(not_before))
    }

    /// The clock has jumped: tokens end at times of the calendar.
    pub(in crate::machine) fn renew_by_the_clock(&mut self) {
        let now = self.now;
        if let Session::SignedIn(session) = &mut self.session
            && let Some(tokens) = &mut session.tokens
        {
            tokens.renew_at = tokens.expires_at.map(|end| renew_at(now, end, Duration::ZERO));
        }
    }

    pub(in crate::machine) fn refresh_if_due(&mut self) {
        if self.refresh_due().is_some_and(|due| due <= self.now.monotonic) {
            self.ask_for_fresh();
        }
    }

    pub(super) fn take_saved(&mut self, saved: Result<(), SecretsError>) {
        let now = self.now.monotonic;
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        match saved {
            Ok(()) => session.kept = Kept::InKeyring,
            // Decided meanwhile, or before it was tried again: it is told, and not asked anew.
            Err(error) if session.kept == Kept::ThisRunOnly => self.alert(keyring_failure(&error)),
            Err(error) => {
                session.kept = Kept::Undecided {
                    failure: keyring_failure(&error),
                };
            }
        }
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        let idle = Renewal::Idle {
            not_before: now + RENEW_AGAIN,
        };
        match std::mem::replace(&mut session.renewal, idle) {
            Renewal::Saving(tokens) => self.use_fresh(tokens),
            other @ (Renewal::Idle { .. } | Renewal::Asked) => session.renewal = other,
        }
    }

    pub(super) fn use_fresh(&mut self, tokens: Tokens) {
        let now = self.now.monotonic;
        let is_up = self.connection.is_up();
        let Session::SignedIn(session) = &mut self.session else {
            return;
        };
        tracing::trace!("the token was renewed");
        session.renewal = Renewal::Idle {
            not_before: now + RENEW_AGAIN,
        };
        let access = tokens.access.clone();
        session.adopt(tokens);
        let waiting = std::mem::take(&mut session.waiting);
        if is_up {
            self.out
                .push(Output::Socket(SocketCommand::SetToken(access.clone())));
            if self.server_has(Feature::Authenticate) {
                let token = access.expose().to_owned();
                self.emit(event::name::AUTHENTICATE, &event::Authenticate { token });
            }
        } else {
            self.connect();
        }
        for pending in waiting {
            self.ask_again(pending);
        }
    }
}

/// When to renew tokens that end at this time. `already_over` is how long they are taken to live if this computer's
/// clock says that they have ended.
pub(super) fn renew_at(now: Now, end: Timestamp, already_over: Duration) -> Duration {
    let left = end.as_millis().saturating_sub(now.wall.as_millis());
    let left = u64::try_from(left).map_or(already_over, Duration::from_millis);
    now.monotonic + left.saturating_sub(RENEW_BEFORE).max(left / 5 * 4)
}
