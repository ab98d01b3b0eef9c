//! What comes in while a chat is open: the window of who follows the newest goes with it, and that of who reads further
//! up stays. Never fetches what is missing; [`super::history`] does.

use khaya_wire::ChatId;

use super::{LONGEST, STEP, Timeline, position};
use crate::{
    machine::Chat,
    store::{Edge, Position, Put},
};

/// The shortest window of who follows the newest messages.
const FEWEST: usize = 20;

impl Chat {
    /// The store has a message that came in: it is shown where the window reaches the newest.
    pub(in crate::machine) fn show_live(&mut self, put: &Put) {
        let me = self.my_id();
        let marker = self.chats.get(&put.chat).and_then(|chat| chat.marker.clone());
        let is_focused = self.is_focused;
        let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|timeline| timeline.chat == put.chat)
        else {
            return;
        };
        let follows = !put.is_after_gap || timeline.messages.is_empty();
        let is_behind = put
            .messages
            .first()
            .zip(timeline.messages.first())
            .is_some_and(|(new, first)| new.position() < first.position());
        let is_of_others = put
            .messages
            .iter()
            .all(|message| Some(&message.sender_id) != me.as_ref());
        // Nobody follows in a window that has not the focus: what comes in waits below the line.
        let followed = timeline.followed.filter(|_| is_focused);
        let is_full = followed.is_none()
            && timeline.messages.len() >= LONGEST
            && is_of_others
            && !put.new.is_empty()
            && !is_read_nearly_to_the_end(timeline, marker.as_ref());
        timeline.quote(put.quoted.clone());
        let add = timeline.has_window && timeline.is_at_newest() && follows && !is_behind && !is_full;
        timeline.merge(&put.messages, add);
        if is_full && timeline.is_at_newest() {
            // What is being read stays; what came in is on disk for when the person goes there.
            timeline.newer = Edge::Stored;
        }
        timeline.read();
        if !follows {
            // Something is missing between what is shown and this.
            timeline.newer = Edge::Gap;
            self.fetch_newest_of_open_chat();
            return;
        }
        timeline.keep_newest(followed.unwrap_or(LONGEST));
        timeline.find_first_unread(|message| Some(&message.sender_id) != me.as_ref());
    }

    /// The person follows the newest, and so many messages are enough; or they read further up.
    pub(in crate::machine) fn follow(&mut self, chat: &ChatId, rows: Option<u16>) {
        if let Some(timeline) = self.timeline.as_mut().filter(|timeline| timeline.chat == *chat) {
            timeline.followed = rows.map(|rows| usize::from(rows).clamp(FEWEST, LONGEST));
        }
    }
}

/// Whether the person seems to follow what comes in, and not to be reading further up.
fn is_read_nearly_to_the_end(timeline: &Timeline, marker: Option<&Position>) -> bool {
    let nearly_last = timeline.messages.iter().rev().nth(STEP);
    nearly_last.is_none_or(|message| marker.is_some_and(|marker| *marker >= position(message)))
}
