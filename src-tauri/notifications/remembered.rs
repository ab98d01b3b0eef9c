//! Which notice tells of what. They are remembered, shown or gone, because a click may come from the server's history
//! too. Never talks to the server.

use std::collections::VecDeque;

use khaya_wire::ChatId;

use super::Opens;

/// How many notices are remembered.
const REMEMBERED: usize = 256;

/// What was shown. At most one of a chat is on the screen: a later one replaces it.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Oldest first.
    remembered: VecDeque<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    id: u32,
    /// None: it tells of no chat.
    opens: Option<Opens>,
    place: Place,
}

/// Where a notice is, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Screen,
    /// Its time was over, or the person took it away. Servers that keep such ones take them out when they are withdrawn.
    Gone,
    /// Some servers keep it in their history all the same, and it may be clicked there.
    Withdrawn,
}

impl Remembered {
    fn is_of(&self, chat_id: &ChatId) -> bool {
        self.opens.as_ref().is_some_and(|opens| opens.chat_id == *chat_id)
    }
}

impl Notices {
    pub(super) fn on_screen(&self, chat_id: &ChatId) -> Option<u32> {
        let mut latest = self.remembered.iter().rev();
        latest
            .find(|notice| notice.place == Place::Screen && notice.is_of(chat_id))
            .map(|notice| notice.id)
    }

    /// The notices on the screen that tell of a chat, and what each opens.
    pub(super) fn all_on_screen(&self) -> impl Iterator<Item = (u32, Opens)> {
        self.remembered
            .iter()
            .filter(|notice| notice.place == Place::Screen)
            .filter_map(|notice| Some((notice.id, notice.opens.clone()?)))
    }

    /// What a notice that is remembered opens, if it tells of a chat.
    pub(super) fn find(&self, id: u32) -> Option<Option<Opens>> {
        self.remembered
            .iter()
            .rev()
            .find(|notice| notice.id == id)
            .map(|notice| notice.opens.clone())
    }

    pub(super) fn shown(&mut self, id: u32, opens: Option<Opens>) {
        self.remembered.retain(|notice| notice.id != id);
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(Remembered {
            id,
            opens,
            place: Place::Screen,
        });
    }

    pub(super) fn closed(&mut self, id: u32) {
        for notice in self.remembered.iter_mut().filter(|notice| notice.id == id) {
            if notice.place == Place::Screen {
                notice.place = Place::Gone;
            }
        }
    }

    /// The ids of the notices of this chat, or of all chats, that have not been withdrawn before.
    pub(super) fn withdraw(&mut self, chat_id: Option<&ChatId>) -> Vec<u32> {
        let is_meant = |notice: &&mut Remembered| {
            let is_of = match chat_id {
                Some(chat_id) => notice.is_of(chat_id),
                None => notice.opens.is_some(),
            };
            is_of && notice.place != Place::Withdrawn
        };
        self.remembered
            .iter_mut()
            .filter(is_meant)
            .map(|notice| {
                notice.place = Place::Withdrawn;
                notice.id
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use khaya_wire::MessageId;

    use super::*;

    fn chat(id: &str) -> ChatId {
        ChatId::new(id).unwrap()
    }

    fn message(chat_id: &str, id: &str) -> Option<Opens> {
        Some(Opens {
            chat_id: chat(chat_id),
            message_id: Some(MessageId::new(id).unwrap()),
        })
    }

    #[test]
    fn one_notice_a_chat_is_on_the_screen_and_all_are_known() {
        let mut notices = Notices::default();
        notices.shown(1, message("a", "m1"));
        notices.shown(2, message("b", "m2"));
        assert_eq!(notices.on_screen(&chat("a")), Some(1));
        notices.shown(1, message("a", "m3"));
        assert_eq!(notices.remembered.len(), 2);

        notices.closed(1);
        assert_eq!(notices.on_screen(&chat("a")), None);
        notices.shown(9, None);
        let left: Vec<_> = notices
            .all_on_screen()
            .map(|(id, opens)| (id, Some(opens)))
            .collect();
        assert_eq!(left, [(2, message("b", "m2"))]);
        assert_eq!(
            notices.find(1),
            Some(message("a", "m3")),
            "a click may come from the history"
        );
        notices.shown(3, message("a", "m4"));
        assert_eq!(notices.withdraw(Some(&chat("a"))), [1, 3]);
        assert_eq!(notices.find(2), Some(message("b", "m2")));
    }

    #[test]
    fn a_notice_that_was_withdrawn_opens_its_message_from_the_history() {
        let mut notices = Notices::default();
        notices.shown(1, message("a", "m1"));
        assert_eq!(notices.withdraw(Some(&chat("a"))), [1]);
        // The server tells of it too, and shows it once more out of its history.
        notices.closed(1);
        assert_eq!(notices.on_screen(&chat("a")), None, "nothing replaces it");
        assert_eq!(notices.find(1), Some(message("a", "m1")));
        assert_eq!(notices.withdraw(None), [0; 0], "nor is it withdrawn twice");
    }

    #[test]
    fn forgets_the_oldest() {
        let mut notices = Notices::default();
        for id in 0..=REMEMBERED as u32 {
            notices.shown(id, message("a", "m"));
        }
        assert_eq!(
            (notices.find(0), notices.find(1)),
            (None, Some(message("a", "m")))
        );
    }
}
