//! What a toast of Windows is made of: its place among others, its content, and what is asked by what is done in it.
//! Plain values, so that they can be checked on any system. Never talks to Windows: that is `toasts.rs`.
//!
//! <https://learn.microsoft.com/windows/apps/develop/notifications/app-notifications/toast-schema>

use std::{borrow::Cow, path::Path};

use khaya_chat::intent::Secret;
use khaya_wire::ChatId;

use super::{Actions, Opens, Shown, short};
use crate::{ask::Ask, words::Words};

/// How long Windows lets a group and a tag be, in UTF-16 units; both are ASCII here.
const LONGEST: usize = 64;

/// How much of title and body is told. All of a toast may be five kilobytes, and four lines of it are seen.
const LONGEST_TITLE: usize = 200;
const LONGEST_BODY: usize = 800;

/// The tag of the one notice of a chat that tells of several messages. No message has it: ids have no point.
const SEVERAL: &str = "several.";

/// What Windows hands back for a click on the toast itself where it tells of no chat or no link leads to this profile,
/// and for its buttons.
const OPEN: &str = "open";
const REPLY: &str = "reply";
const MARK_READ: &str = "mark-read";

/// The name of the field for an answer.
pub(super) const FIELD: &str = "answer";

/// Names the toasts of one profile: all profiles show theirs as the same app.
#[derive(Debug, Clone)]
pub(super) struct Owner(String);

impl Owner {
    /// The same at every start, so that what an earlier run left in the Action Center can be withdrawn.
    pub(super) fn of(root: &Path) -> Self {
        Self(format!("{}.", short(&root.as_os_str().as_encoded_bytes())))
    }

    /// The group of a chat's toasts.
    pub(super) fn group(&self, chat_id: &ChatId) -> String {
        let group = format!("{}{chat_id}", self.0);
        if group.len() <= LONGEST {
            return group;
        }
        // No chat has this group by its id, which has no point.
        format!("{}{}.", self.0, short(&chat_id.as_str()))
    }

    /// Whether a group is of this profile's chats.
    pub(super) fn has(&self, group: &str) -> bool {
        group.starts_with(&self.0)
    }
}

/// The tag of what tells of a message, or of several.
pub(super) fn tag(opens: &Opens) -> &str {
    opens.message_id.as_ref().map_or(SEVERAL, |id| id.as_str())
}

/// An element of a toast. Text and attributes are put in by the DOM, so nothing in them is markup.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) attributes: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    Elements(Vec<Element>),
}

impl Element {
    fn new<const N: usize>(
        name: &'static str,
        attributes: [(&'static str, &'static str); N],
        content: Content,
    ) -> Self {
        Self {
            name,
            attributes: attributes.map(|(name, value)| (name, value.into())).into(),
            content,
        }
    }

    fn empty<const N: usize>(name: &'static str, attributes: [(&'static str, &'static str); N]) -> Self {
        Self::new(name, attributes, Content::Elements(Vec::new()))
    }

    fn text(text: &str, longest: usize) -> Self {
        Self::new("text", [], Content::Text(told(text, longest)))
    }

    fn around(name: &'static str, elements: Vec<Self>) -> Self {
        Self::new(name, [], Content::Elements(elements))
    }
}

/// A whole toast. With `by_link` a click on it is a click on the link to what it tells of: Windows starts the app with
/// that, also long after the app has ended, and to one that runs it comes as to any second start. Else the process that
/// showed it hears of the click, as long as it runs.
pub(super) fn element(shown: &Shown, by_link: bool) -> Element {
    let texts = vec![
        Element::text(&shown.title, LONGEST_TITLE),
        Element::text(&shown.body, LONGEST_BODY),
    ];
    let binding = Element::new(
        "binding",
        [("template", "ToastGeneric")],
        Content::Elements(texts),
    );
    let audio = if shown.sound {
        ("src", "ms-winsoundevent:Notification.IM")
    } else {
        ("silent", "true")
    };
    let mut parts = vec![Element::around("visual", vec![binding])];
    let words = shown.words;
    match shown.actions {
        Actions::None => {}
        Actions::MarkRead => parts.push(Element::around("actions", vec![mark_read(words)])),
        Actions::ReplyAndMarkRead => {
            let answer = words.text("native.reply");
            let field = Element::empty(
                "input",
                [("id", FIELD), ("type", "text"), ("placeHolderContent", answer)],
            );
            let reply = Element::empty(
                "action",
                [("content", answer), ("arguments", REPLY), ("hint-inputId", FIELD)],
            );
            parts.push(Element::around("actions", vec![field, reply, mark_read(words)]));
        }
    }
    parts.push(Element::empty("audio", [audio]));
    let mut toast = Element::new("toast", [], Content::Elements(parts));
    toast.attributes = match &shown.opens {
        Some(opens) if by_link => vec![
            ("activationType", "protocol".into()),
            ("launch", opens.clone().link().to_string().into()),
        ],
        Some(_) | None => vec![("launch", OPEN.into())],
    };
    toast
}

fn mark_read(words: Words) -> Element {
    let content = words.text("native.markRead");
    Element::empty("action", [("content", content), ("arguments", MARK_READ)])
}

/// Text as XML can hold it (XML 1.0, 2.2), and no longer than it may be.
fn told(text: &str, longest: usize) -> String {
    let can_be = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let mut characters = text.chars().filter(can_be);
    let mut told: String = characters.by_ref().take(longest).collect();
    if characters.next().is_some() {
        told.push('…');
    }
    told
}

/// What is asked by what was done in a toast. None: what it did not offer, or its link, which Windows follows itself.
pub(super) fn ask(shown: &Shown, arguments: &str, typed: Option<String>) -> Option<Ask> {
    let Some(opens) = shown.opens.clone() else {
        return (arguments == OPEN).then_some(Ask::Open);
    };
    match (arguments, shown.actions) {
        (OPEN, Actions::None | Actions::MarkRead | Actions::ReplyAndMarkRead) => {
            Some(Ask::Follow(opens.link()))
        }
        (REPLY, Actions::ReplyAndMarkRead) => Some(match typed {
            Some(text) if !text.trim().is_empty() => Ask::Reply(opens.chat_id, Secret::new(text)),
            // The button can be pressed with nothing typed: the answer is written in the window, then.
            Some(_) | None => Ask::Follow(opens.link()),
        }),
        (MARK_READ, Actions::MarkRead | Actions::ReplyAndMarkRead) => Some(Ask::MarkRead(opens.chat_id)),
        (_, Actions::None | Actions::MarkRead | Actions::ReplyAndMarkRead) => None,
    }
}

#[cfg(test)]
mod tests {
    use khaya_wire::MessageId;

    use super::*;

    fn shown(actions: Actions) -> Shown {
        Shown {
            opens: Some(Opens {
                chat_id: ChatId::new("c").unwrap(),
                message_id: Some(MessageId::new("m").unwrap()),
            }),
            title: "Ada".to_owned(),
            body: "<b>&\u{0}\u{ffff}\n👋".to_owned(),
            sound: true,
            actions,
            words: Words::default(),
        }
    }

    fn children(element: &Element) -> &[Element] {
        match &element.content {
            Content::Elements(elements) => elements,
            Content::Text(text) => panic!("{text} is no element"),
        }
    }

    #[test]
    fn a_chat_has_a_group_of_its_own_in_each_profile() {
        let (one, other) = (Owner::of(Path::new("/one")), Owner::of(Path::new("/other")));
        let short = ChatId::new("c").unwrap();
        let long = |last: char| ChatId::new(format!("{}{last}", "x".repeat(63))).unwrap();
        let mut groups = Vec::new();
        for owner in [&one, &other] {
            for chat_id in [&short, &long('1'), &long('2')] {
                let group = owner.group(chat_id);
                assert!(group.len() <= LONGEST && owner.has(&group), "{group}");
                groups.push(group);
            }
        }
        assert!(!one.has(&other.group(&short)) && !one.has(""));
        groups.sort();
        groups.dedup();
        assert_eq!(groups.len(), 6);
    }

    #[test]
    fn a_tag_is_the_message_or_says_that_there_are_several() {
        let longest = MessageId::new("m".repeat(64)).unwrap();
        let mut opens = Opens {
            chat_id: ChatId::new("c").unwrap(),
            message_id: Some(longest.clone()),
        };
        assert_eq!(tag(&opens), longest.as_str());
        assert!(tag(&opens).len() <= LONGEST);
        opens.message_id = None;
        assert_eq!(tag(&opens), SEVERAL);
        assert!(MessageId::new(SEVERAL).is_err(), "no message is called so");
    }

    #[test]
    fn a_toast_has_texts_a_sound_and_what_may_be_done() {
        let toast = element(&shown(Actions::ReplyAndMarkRead), false);
        assert_eq!(
            (toast.name, &*toast.attributes),
            ("toast", &[("launch", OPEN.into())][..])
        );
        let [visual, actions, audio] = children(&toast) else {
            panic!("{toast:?}");
        };
        let texts: Vec<_> = children(&children(visual)[0])
            .iter()
            .map(|text| &text.content)
            .collect();
        assert_eq!(
            texts,
            [
                &Content::Text("Ada".to_owned()),
                &Content::Text("<b>&\n👋".to_owned())
            ],
            "what XML cannot hold is left out, the rest stays as it was written"
        );
        let names: Vec<_> = children(actions).iter().map(|action| action.name).collect();
        assert_eq!(names, ["input", "action", "action"]);
        assert_eq!(
            audio.attributes,
            [("src", "ms-winsoundevent:Notification.IM".into())]
        );

        let silent = Shown {
            sound: false,
            ..shown(Actions::None)
        };
        let without = element(&silent, true);
        let names: Vec<_> = children(&without).iter().map(|part| part.name).collect();
        assert_eq!(names, ["visual", "audio"], "nothing is offered");
        assert_eq!(children(&without)[1].attributes, [("silent", "true".into())]);
    }

    #[test]
    fn a_click_is_one_on_the_link_where_links_lead_here() {
        let of_message = element(&shown(Actions::None), true);
        assert_eq!(
            of_message.attributes,
            [
                ("activationType", "protocol".into()),
                ("launch", "khaya://chat/c/m".into())
            ]
        );
        let remark = Shown {
            opens: None,
            ..shown(Actions::None)
        };
        assert_eq!(element(&remark, true).attributes, [("launch", OPEN.into())]);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(told("äöü", 3), "äöü");
        assert_eq!(told("äöü!", 3), "äöü…");
    }

    #[test]
    fn what_is_done_in_a_toast_is_asked_if_it_was_offered() {
        let chat_id = || ChatId::new("c").unwrap();
        let all = shown(Actions::ReplyAndMarkRead);
        let link = || Ask::Follow(all.opens.clone().unwrap().link());
        let typed = |text: &str| Some(text.to_owned());
        assert_eq!(ask(&all, OPEN, None), Some(link()));
        assert_eq!(ask(&all, MARK_READ, None), Some(Ask::MarkRead(chat_id())));
        assert_eq!(
            ask(&all, REPLY, typed(" yes")),
            Some(Ask::Reply(chat_id(), Secret::new(" yes")))
        );
        assert_eq!(ask(&all, REPLY, typed(" \r")), Some(link()));
        assert_eq!(ask(&all, REPLY, None), Some(link()));
        for followed in ["khaya://chat/c/m", "khaya://chat/other"] {
            assert_eq!(ask(&all, followed, None), None, "Windows brings what was clicked");
        }

        let some = shown(Actions::MarkRead);
        assert_eq!(ask(&some, REPLY, typed("yes")), None);
        let none = shown(Actions::None);
        assert_eq!(ask(&none, MARK_READ, None), None);
        assert_eq!(ask(&none, OPEN, None), Some(link()));
        let remark = Shown { opens: None, ..none };
        assert_eq!(ask(&remark, OPEN, None), Some(Ask::Open));
        assert_eq!(ask(&remark, REPLY, typed("yes")), None);
    }
}
