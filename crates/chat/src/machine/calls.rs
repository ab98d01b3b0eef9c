//! Calls to the server: what each is for, and the one way in which all of them get a fresh token.

use khaya_wire::{ChatId, ClientId, FileId, MessageId};

use super::{
    Chat, Output,
    session::Session,
    timeline::{Around, Why},
};
use crate::{
    api::{ApiError, Call, Request, Response},
    store::Position,
    view::Failure,
};

/// A call that has not been answered.
#[derive(Debug)]
pub(super) struct Pending {
    request: Request,
    purpose: Purpose,
    /// Which of the session's access tokens it was made with.
    generation: u64,
    /// Whether it was refused once for its token.
    is_second: bool,
}

/// What a call is for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    DiscoverToSignIn,
    Rediscover,
    Login,
    Refresh,
    /// The list of chats.
    List,
    Join {
        chat: ChatId,
    },
    /// Whether a chat is still there that was not in the list.
    IsThere {
        chat: ChatId,
    },
    /// A page of messages.
    Page {
        chat: ChatId,
        why: Why,
    },
    /// The page before a message, to close a gap.
    Backfill {
        chat: ChatId,
        before: MessageId,
        pages_left: u32,
    },
    /// Whether a message is there whose sending had no answer.
    Look {
        client_id: ClientId,
    },
    Send {
        client_id: ClientId,
    },
    Change {
        client_id: ClientId,
    },
    /// A file of a message.
    Upload {
        client_id: ClientId,
        file: FileId,
    },
    /// A file for who asked for it.
    File {
        id: u64,
    },
    /// What was missed; `known` are the chats that were stored then.
    Sync {
        known: Vec<ChatId>,
    },
    /// A page beside a message that is to be shown.
    Around {
        step: Around,
    },
    MarkRead {
        chat: ChatId,
        position: Position,
    },
    CreateChat {
        intent: u64,
    },
    FindPeople {
        query: String,
    },
    /// Where the person is signed in.
    Sessions,
    /// A change of the person's account.
    Account {
        intent: u64,
    },
    /// The person's new picture, which waits on this computer until the server has it.
    Picture {
        intent: u64,
        staged: FileId,
    },
    /// A change of the person themself.
    Me {
        intent: u64,
    },
    /// Messages for the question with this number.
    Search {
        number: u64,
    },
}

impl Pending {
    pub(super) fn is_search(&self) -> bool {
        matches!(self.purpose, Purpose::Search { .. })
    }
}

impl Purpose {
    /// For logs, which have no text of messages or searches.
    fn name(&self) -> &'static str {
        match self {
            Self::DiscoverToSignIn | Self::Rediscover => "discover",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::List => "list",
            Self::Join { .. } => "join",
            Self::IsThere { .. } => "chat",
            Self::Page { .. } => "page",
            Self::Backfill { .. } => "backfill",
            Self::Look { .. } => "look",
            Self::Send { .. } => "send",
            Self::Change { .. } => "change",
            Self::Upload { .. } => "upload",
            Self::File { .. } => "file",
            Self::Sync { .. } => "sync",
            Self::Around { .. } => "around",
            Self::MarkRead { .. } => "mark read",
            Self::CreateChat { .. } => "create chat",
            Self::FindPeople { .. } => "find people",
            Self::Sessions => "sessions",
            Self::Account { .. } => "account",
            Self::Picture { .. } => "picture",
            Self::Me { .. } => "me",
            Self::Search { .. } => "search",
        }
    }
}

impl Chat {
    /// Asks the server. Without a token, where one is needed, nothing is asked: what waits for it is asked anew
    /// when there is one. Gives the number of the call that was made.
    pub(super) fn call(&mut self, request: Request, purpose: Purpose) -> Option<u64> {
        self.ask(request, purpose, false)
    }

    pub(super) fn take_answer(&mut self, token: u64, result: Result<Response, ApiError>) {
        if let Some(farewell) = self.farewells.remove(&token) {
            return self.take_farewell(farewell, result);
        }
        // A call of a session that is over is no longer there.
        let Some(pending) = self.calls.remove(&token) else {
            return;
        };
        if let Err(error) = &result {
            tracing::trace!(purpose = pending.purpose.name(), %error, "a call failed");
            self.note(pending.purpose.name(), &error.failure().code);
            if error.requires_sign_in() && pending.request.needs_token() {
                self.renew_for(pending);
                return;
            }
        }
        self.conclude(pending.purpose, token, result);
    }

    /// Forgets all calls. Their answers will mean nothing.
    pub(super) fn drop_calls(&mut self, waiting: Vec<Pending>) {
        for pending in std::mem::take(&mut self.calls).into_values().chain(waiting) {
            if let Purpose::File { id } = pending.purpose {
                let result = Err(ApiError::Unreachable);
                self.out.push(Output::File { id, result });
            } else if let Purpose::CreateChat { intent }
            | Purpose::Account { intent }
            | Purpose::Picture { intent, .. }
            | Purpose::Me { intent } = pending.purpose
            {
                self.answer(intent, Err(Failure::new("not_signed_in", "Sign in first.")));
            }
        }
    }

    /// Asks once more, with the token that there is now.
    pub(super) fn ask_again(&mut self, pending: Pending) {
        self.ask(pending.request, pending.purpose, true);
    }

    /// Ends a call that waits for a token which will not come for now.
    pub(super) fn give_up(&mut self, pending: Pending, error: ApiError) {
        self.conclude(pending.purpose, 0, Err(error));
    }

    fn ask(&mut self, request: Request, purpose: Purpose, is_second: bool) -> Option<u64> {
        let (server, access) = match &self.session {
            Session::SignedIn(session) => (session.server.clone(), session.access()),
            Session::SigningIn(attempt) => (attempt.server.clone(), None),
            Session::Starting | Session::SignedOut { .. } => return None,
        };
        let (token, generation) = match (request.needs_token(), access) {
            (true, Some((token, generation))) => (Some(token), generation),
            (true, None) => {
                self.conclude(purpose, 0, Err(ApiError::Unreachable));
                return None;
            }
            (false, _) => (None, 0),
        };
        let number = self.token();
        self.calls.insert(
            number,
            Pending {
                request: request.clone(),
                purpose,
                generation,
                is_second,
            },
        );
        self.out.push(Output::Call {
            token: number,
            call: Call {
                server,
                token,
                request,
            },
        });
        Some(number)
    }

    fn renew_for(&mut self, pending: Pending) {
        let Session::SignedIn(session) = &self.session else {
            return;
        };
        if session
            .access()
            .is_some_and(|(_, generation)| generation != pending.generation)
        {
            self.ask_again(pending);
        } else if pending.is_second {
            // Refused with a token that was fresh a moment ago: a further one would not help.
            self.end_session_for_good();
        } else {
            self.renew(Some(pending));
        }
    }

    /// `asked` is the call that this answers.
    fn conclude(&mut self, purpose: Purpose, asked: u64, result: Result<Response, ApiError>) {
        match purpose {
            Purpose::DiscoverToSignIn => self.take_discovery_to_sign_in(result),
            Purpose::Rediscover => self.take_discovery(result),
            Purpose::Login => self.take_login(result),
            Purpose::Refresh => self.take_refreshed(result),
            Purpose::List => self.take_list(asked, result),
            Purpose::Join { chat } => self.take_joined(&chat, asked, result),
            Purpose::IsThere { chat } => self.take_whether_there(chat, asked, result),
            Purpose::Page { chat, why } => self.take_page(chat, why, asked, result),
            Purpose::Backfill {
                chat,
                before,
                pages_left,
            } => self.take_backfill(chat, before, pages_left, asked, result),
            Purpose::Look { client_id } => self.take_look(client_id, asked, result),
            Purpose::Send { client_id } => self.take_sent(client_id, asked, result),
            Purpose::Upload { client_id, file } => self.take_uploaded(&client_id, &file, result),
            Purpose::File { id } => self.out.push(Output::File { id, result }),
            Purpose::Change { client_id } => self.take_changed(&client_id, asked, result),
            Purpose::Sync { known } => self.take_synced(known, result),
            Purpose::Around { step } => self.take_around(step, asked, result),
            Purpose::MarkRead { chat, position } => self.take_read_marked(chat, position, &result),
            Purpose::CreateChat { intent } => self.take_created_chat(intent, asked, result),
            Purpose::FindPeople { query } => self.take_found_people(&query, result),
            Purpose::Sessions => self.take_sessions(result),
            Purpose::Account { intent } => self.take_changed_account(intent, result),
            Purpose::Picture { intent, staged } => self.take_picture(intent, staged, result),
            Purpose::Me { intent } => self.take_changed_me(intent, result),
            Purpose::Search { number } => self.take_server_found(number, asked, result),
        }
    }
}
