//! Showing the messages around one of them: from disk, or fetched first.
//!
//! The server tells what is before and after a message, but not the message itself. So what is after it is fetched,
//! and then what is before that.

use khaya_wire::{ChatId, MessageId};

use super::{STEP, Timeline, Why};
use crate::{
    api::{ApiError, Part, Request, Response},
    machine::{Chat, calls::Purpose, stored::Then},
    store::{Edge, Op, Place, Window},
    view::Failure,
};

/// How far the search for a message has come.
#[derive(Debug, Clone)]
pub(in crate::machine) struct Around {
    chat: ChatId,
    message: MessageId,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Disk,
    /// What is after it is fetched.
    After,
    /// What is before this message is fetched.
    Before(MessageId),
    /// Nothing is after it, so it is fetched with the newest.
    Newest,
    /// It must be on disk now.
    Last,
}

impl Chat {
    /// Shows a message of a chat that is known, with what is around it.
    pub(in crate::machine) fn jump_to(&mut self, chat: &ChatId, message: MessageId) {
        self.open_chat(chat);
        self.look_around(Around {
            chat: chat.clone(),
            message,
            stage: Stage::Disk,
        });
    }

    pub(in crate::machine) fn take_stored_around(&mut self, step: Around, found: Option<(Window, Window)>) {
        let number = self.token();
        let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|timeline| timeline.chat == step.chat)
        else {
            return;
        };
        match (found, &step.stage) {
            (Some((before, after)), _) => {
                timeline.show_around(before, after);
                timeline.jumped = Some((step.message, number));
            }
            (None, Stage::Disk) => self.fetch_around(Stage::After, step),
            (None, Stage::After | Stage::Before(_) | Stage::Newest | Stage::Last) => {
                timeline.loading = None;
                timeline.failure = Some(not_there());
            }
        }
    }

    pub(in crate::machine) fn take_around(
        &mut self,
        step: Around,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        let page = match result {
            Ok(Response::Messages(page)) => page,
            Ok(_) => return self.page_failed(&step.chat, Why::Around, &ApiError::NotKhaya),
            Err(error) => return self.page_failed(&step.chat, Why::Around, &error),
        };
        let has_more = page.next_cursor.is_some() && !page.items.is_empty();
        let mut messages = page.items;
        messages.retain(|message| message.chat_id == step.chat);
        messages.sort_by(|a, b| a.position().cmp(&b.position()));
        let (place, stage) = match (step.stage.clone(), messages.first()) {
            (Stage::After, None) => return self.fetch_around(Stage::Newest, step),
            (Stage::After, Some(first)) => {
                let message = step.message.clone();
                (Place::PageAfter { message }, Stage::Before(first.id.clone()))
            }
            (Stage::Before(message), _) => (Place::PageBefore { message, has_more }, Stage::Last),
            (Stage::Disk | Stage::Newest | Stage::Last, _) => (Place::NewestPage { has_more }, Stage::Last),
        };
        self.store(
            Op::PutMessages {
                chat: step.chat.clone(),
                overtaken: self.overtaken.among(&messages, asked),
                messages,
                place,
                seq: None,
            },
            Then::Around {
                step: Around { stage, ..step },
            },
        );
    }

    /// A page of the search is on disk.
    pub(in crate::machine) fn look_around_again(&mut self, step: Around) {
        match step.stage.clone() {
            stage @ (Stage::Before(_) | Stage::Newest | Stage::After) => self.fetch_around(stage, step),
            Stage::Disk | Stage::Last => self.look_around(step),
        }
    }

    fn look_around(&mut self, step: Around) {
        let op = Op::Around {
            chat: step.chat.clone(),
            message: step.message.clone(),
            limit: STEP,
        };
        self.store(op, Then::Around { step });
    }

    fn fetch_around(&mut self, stage: Stage, step: Around) {
        let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|timeline| timeline.chat == step.chat)
        else {
            return;
        };
        timeline.loading = Some(Why::Around);
        let part = match &stage {
            Stage::Before(message) => Part::Before(message.clone()),
            Stage::After => Part::After(step.message.clone()),
            Stage::Disk | Stage::Newest | Stage::Last => Part::Newest,
        };
        let chat = step.chat.clone();
        let step = Around { stage, ..step };
        self.call(Request::Messages { chat, part }, Purpose::Around { step });
    }
}

impl Timeline {
    fn show_around(&mut self, before: Window, after: Window) {
        self.loading = None;
        self.failure = None;
        self.has_window = true;
        self.older = before.edge;
        self.newer = after.edge;
        self.is_elsewhere = after.edge != Edge::End;
        self.messages = before.messages;
        self.messages.extend(after.messages);
        self.quote(before.quoted);
        self.quote(after.quoted);
        self.read();
    }
}

fn not_there() -> Failure {
    Failure::new("not_found", "This message is not there any more.")
}
