//! How far each chat has been read: by this person, here and elsewhere, and by the others. Never decides that something
//! has been read: the timeline does, with what is seen.

use khaya_wire::{Chat as WireChat, ChatId, discovery::Feature};

use crate::{
    api::{ApiError, Request, Response},
    machine::{Chat, calls::Purpose, stored::Then},
    store::{Op, Position, Read},
};

impl Chat {
    /// The store has a new marker of one's own.
    pub(in crate::machine) fn read_up_to(&mut self, chat: &ChatId, unread: u64, marker: Option<Position>) {
        self.chats.overtake(chat);
        let Some(row) = self.chats.rows.get_mut(chat) else {
            return;
        };
        let had_unread = row.stored.unread > 0;
        row.stored.unread = unread;
        row.stored.marker_is_confirmed &= row.stored.marker == marker;
        row.stored.marker = marker;
        if had_unread && unread == 0 {
            self.withdraw(chat);
        }
    }

    /// The server has told of one's own marker. Where it was set elsewhere, and something is unread after it, only the
    /// server knows how much: not all of it may be stored.
    pub(in crate::machine) fn read_elsewhere(
        &mut self,
        chat: &ChatId,
        unread: u64,
        marker: Option<Position>,
    ) {
        let is_known = self.chats.get(chat).is_none_or(|known| known.marker == marker);
        self.read_up_to(chat, unread, marker);
        if unread > 0 && !is_known {
            self.fetch_soon();
        }
    }

    /// A chat that is told by itself says how far this person has read. Where that is news, what a fetch on its way
    /// counts may be from before it.
    pub(in crate::machine) fn overtake_by_reads(&mut self, told: &WireChat) {
        let me = self.my_id();
        let own = told
            .reads
            .iter()
            .flatten()
            .find(|read| Some(&read.user_id) == me.as_ref());
        let Some((own, row)) = own.zip(self.chats.rows.get(&told.id)) else {
            return;
        };
        let is_known = row.stored.marker_is_confirmed
            && row
                .stored
                .marker
                .as_ref()
                .is_some_and(|(_, message)| *message == own.message_id);
        if !is_known {
            self.chats.overtake(&told.id);
        }
    }

    pub(in crate::machine) fn others_read(&mut self, chat: &ChatId, reads: Vec<Read>) {
        if let Some(row) = self.chats.rows.get_mut(chat) {
            row.stored.reads = reads;
        }
    }

    /// Tells the server how far the person has read, where it wants to know.
    pub(in crate::machine) fn tell_read(&mut self, chat: ChatId, position: Position) {
        if self.server_has(Feature::Receipts) && self.connection.is_up() {
            let request = Request::MarkRead {
                chat: chat.clone(),
                message: position.1.clone(),
            };
            self.call(request, Purpose::MarkRead { chat, position });
        }
    }

    pub(in crate::machine) fn take_read_marked(
        &mut self,
        chat: ChatId,
        position: Position,
        result: &Result<Response, ApiError>,
    ) {
        // What the server would not take now it would not take later; what it could not take is told with the
        // next fetch.
        if result.as_ref().is_err_and(ApiError::is_retryable) {
            return;
        }
        self.chats.overtake(&chat);
        if let Some(row) = self.chats.rows.get_mut(&chat)
            && row.stored.marker.as_ref() == Some(&position)
        {
            row.stored.marker_is_confirmed = true;
        }
        self.store(Op::ConfirmRead { chat, position }, Then::Nothing);
    }

    pub(super) fn tell_all_read(&mut self) {
        let untold: Vec<_> = self
            .chats
            .rows
            .values()
            .filter(|row| !row.stored.marker_is_confirmed)
            .filter_map(|row| Some((row.stored.chat.id.clone(), row.stored.marker.clone()?)))
            .collect();
        for (chat, position) in untold {
            self.tell_read(chat, position);
        }
    }
}
