//! What somebody did with a notice of macOS, as what they want of the app. Its name there says whose it is and what it
//! tells of, so that this holds after another start, and in the app of another profile.

use khaya_chat::intent::Secret;
use khaya_user_notifications::Chosen;

use crate::{ask::Ask, deep_link::DeepLink};

/// Stands in no profile's name.
const BETWEEN: char = '\n';

/// How something of a profile is named to the system.
pub(super) fn name(profile: &str, what: &str) -> String {
    format!("{profile}{BETWEEN}{what}")
}

/// What is wanted of the app of the profile `own`. None: the notice is not one to be answered here.
pub(super) fn ask(own: &str, named: &str, chosen: Chosen) -> Option<Ask> {
    let (profile, what) = named.split_once(BETWEEN)?;
    if profile != own {
        // Nothing is said for somebody else; their app can be opened.
        return (chosen == Chosen::Open).then(|| Ask::OpenProfile(profile.to_owned()));
    }
    match (what.parse().ok(), chosen) {
        (Some(link), Chosen::Open) => Some(Ask::Follow(link)),
        (None, Chosen::Open) => Some(Ask::Open),
        (Some(DeepLink::Chat { chat_id, .. }), Chosen::MarkRead) => Some(Ask::MarkRead(chat_id)),
        (Some(DeepLink::Chat { chat_id, .. }), Chosen::Reply(text)) => {
            Some(Ask::Reply(chat_id, Secret::new(text)))
        }
        (Some(DeepLink::Invite { .. }) | None, Chosen::MarkRead | Chosen::Reply(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use khaya_wire::ChatId;

    use super::*;

    fn reply() -> Chosen {
        Chosen::Reply("Yes".to_owned())
    }

    #[test]
    fn an_answer_is_for_the_chat_that_the_notice_told_of() {
        let link = "khaya://chat/c/m";
        let message = name("work", link);
        let chat_id = ChatId::new("c").unwrap();
        assert_eq!(
            ask("work", &message, Chosen::Open),
            Some(Ask::Follow(link.parse().unwrap()))
        );
        assert_eq!(
            ask("work", &message, Chosen::MarkRead),
            Some(Ask::MarkRead(chat_id.clone()))
        );
        assert_eq!(
            ask("work", &message, reply()),
            Some(Ask::Reply(chat_id, Secret::new("Yes")))
        );
    }

    #[test]
    fn nothing_is_answered_for_another_profile() {
        let message = name("home", "khaya://chat/c/m");
        assert_eq!(
            ask("work", &message, Chosen::Open),
            Some(Ask::OpenProfile("home".to_owned()))
        );
        assert_eq!(ask("work", &message, Chosen::MarkRead), None);
        assert_eq!(ask("work", &message, reply()), None);
    }

    #[test]
    fn a_notice_that_tells_of_no_chat_opens_the_app_and_does_no_more() {
        let remark = name("work", "Notifications are shown");
        assert_eq!(ask("work", &remark, Chosen::Open), Some(Ask::Open));
        for named in [remark, name("work", "khaya://invite/xyz")] {
            assert_eq!(ask("work", &named, Chosen::MarkRead), None);
            assert_eq!(ask("work", &named, reply()), None);
        }
        assert_eq!(ask("work", "a name of no app", Chosen::Open), None);
    }
}
