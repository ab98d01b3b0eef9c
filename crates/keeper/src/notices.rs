//! Which notices there are still, and what is to be done by what the bus tells of them. Plain values.

use khaya_keeper::Kept;

/// What the bus tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Something was done in a notice: it was clicked, a button pressed, or an answer typed.
    Chosen(u32),
    /// By this the desktop knows whose wish the window is that comes now. Told before what was done.
    Token(u32, String),
    Closed(u32),
    /// Another server shows notices from now on, or none: these ones are gone.
    ServerChanged,
    /// The app is there again, and asked for the name of this connection.
    AppIsThere,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    Wait,
    Open {
        link: String,
        token: Option<String>,
    },
    /// Take these away, and end.
    Withdraw(Vec<u32>),
    End,
}

#[derive(Debug)]
pub(crate) struct Notices {
    kept: Vec<Kept>,
    /// The latest, and of which notice.
    token: Option<(u32, String)>,
}

impl Notices {
    pub(crate) fn new(kept: Vec<Kept>) -> Self {
        Self { kept, token: None }
    }

    pub(crate) fn hear(&mut self, told: Told) -> Next {
        match told {
            Told::Token(id, token) => self.token = Some((id, token)),
            // The app alone can answer and mark as read, and it would have to be started for that. So whatever was done
            // shows the message: nothing is done that nobody sees, and what could not be done can be done there.
            Told::Chosen(id) => {
                if let Some(notice) = self.kept.iter().find(|notice| notice.id == id) {
                    let token = self.token.take().filter(|(of, _)| *of == id);
                    return Next::Open {
                        link: notice.link.clone(),
                        token: token.map(|(_, token)| token),
                    };
                }
            }
            Told::Closed(id) => {
                self.kept.retain(|notice| notice.id != id);
                if self.kept.is_empty() {
                    return Next::End;
                }
            }
            Told::ServerChanged => return Next::End,
            Told::AppIsThere => {
                return Next::Withdraw(self.kept.iter().map(|notice| notice.id).collect());
            }
        }
        Next::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "khaya://chat/a/m";

    fn two() -> Notices {
        let kept = |id| Kept {
            id,
            link: LINK.to_owned(),
        };
        Notices::new(vec![kept(3), kept(5)])
    }

    fn open(token: Option<&str>) -> Next {
        Next::Open {
            link: LINK.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    #[test]
    fn a_click_opens_the_message_with_the_token_that_came_for_it() {
        let mut notices = two();
        assert_eq!(notices.hear(Told::Chosen(4)), Next::Wait, "of another app");
        assert_eq!(notices.hear(Told::Chosen(3)), open(None));
        let token = |id| Told::Token(id, "t".to_owned());
        assert_eq!(notices.hear(token(5)), Next::Wait);
        assert_eq!(notices.hear(Told::Chosen(5)), open(Some("t")));
        assert_eq!(
            notices.hear(Told::Chosen(5)),
            open(None),
            "a token is good for once"
        );
        assert_eq!(notices.hear(token(3)), Next::Wait);
        assert_eq!(notices.hear(Told::Chosen(5)), open(None), "it was another's");
    }

    #[test]
    fn it_ends_with_the_last_notice() {
        let mut notices = two();
        assert_eq!(notices.hear(Told::Closed(4)), Next::Wait);
        assert_eq!(notices.hear(Told::Closed(3)), Next::Wait);
        assert_eq!(notices.hear(Told::Chosen(3)), Next::Wait, "it is gone");
        assert_eq!(notices.hear(Told::Closed(5)), Next::End);
    }

    #[test]
    fn it_gives_way_to_the_app_and_to_another_server() {
        let mut notices = two();
        assert_eq!(notices.hear(Told::AppIsThere), Next::Withdraw(vec![3, 5]));
        assert_eq!(two().hear(Told::ServerChanged), Next::End);
    }
}
