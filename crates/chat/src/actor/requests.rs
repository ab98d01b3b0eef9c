//! What waits for the shell while it is busy: in its order, and of each chat one notice at most, so that nothing is
//! left out and it does not grow with the messages.

use std::{collections::VecDeque, future::pending};

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::shell::ShellRequest;

#[derive(Debug)]
pub(super) struct Requests {
    shell: Sender<ShellRequest>,
    waiting: VecDeque<ShellRequest>,
}

impl Requests {
    pub(super) fn new(shell: Sender<ShellRequest>) -> Self {
        Self {
            shell,
            waiting: VecDeque::new(),
        }
    }

    /// Hands a request over, at once or with [`Requests::go_on`].
    pub(super) fn add(&mut self, request: ShellRequest) {
        let request = match request {
            ShellRequest::Notify(notice) => {
                let of_chat = |waiting: &ShellRequest| matches!(waiting, ShellRequest::Notify(earlier) if earlier.chat_id == notice.chat_id);
                let earlier = self.waiting.iter().position(of_chat);
                match earlier.and_then(|at| self.waiting.remove(at)) {
                    Some(ShellRequest::Notify(earlier)) => ShellRequest::Notify(notice.after(&earlier)),
                    Some(ShellRequest::Withdraw { .. } | ShellRequest::WithdrawAll) | None => {
                        ShellRequest::Notify(notice)
                    }
                }
            }
            ShellRequest::Withdraw { chat_id } => {
                self.waiting.retain(|waiting| match waiting {
                    ShellRequest::Notify(notice) => notice.chat_id != chat_id,
                    ShellRequest::Withdraw { chat_id: other } => *other != chat_id,
                    ShellRequest::WithdrawAll => true,
                });
                ShellRequest::Withdraw { chat_id }
            }
            ShellRequest::WithdrawAll => {
                self.waiting.clear();
                ShellRequest::WithdrawAll
            }
        };
        if !self.waiting.is_empty() {
            return self.waiting.push_back(request);
        }
        match self.shell.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => self.waiting.push_back(request),
            Err(TrySendError::Closed(_)) => tracing::debug!("the shell has gone"),
        }
    }

    /// Hands over the next that waits, when the shell has room. Without any it waits for ever.
    pub(super) async fn go_on(&mut self) {
        if self.waiting.is_empty() {
            return pending().await;
        }
        match self.shell.reserve().await {
            Ok(room) => {
                if let Some(next) = self.waiting.pop_front() {
                    room.send(next);
                }
            }
            Err(_closed) => self.waiting.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use khaya_wire::{ChatId, MessageId};
    use tokio::sync::mpsc::channel;

    use super::*;
    use crate::shell::Notice;

    fn chat(id: &str) -> ChatId {
        ChatId::new(id).unwrap()
    }

    fn notice(id: &str, key: &str) -> ShellRequest {
        ShellRequest::Notify(Notice {
            key: key.to_owned(),
            chat_id: chat(id),
            message_id: MessageId::new(key).ok(),
            title: "Ana".to_owned(),
            text: Some(key.to_owned()),
            count: 1,
            may_reply: true,
        })
    }

    fn withdrawal(id: &str) -> ShellRequest {
        ShellRequest::Withdraw { chat_id: chat(id) }
    }

    /// What a shell with room for one is told that takes nothing until all is said.
    async fn told(requests: Vec<ShellRequest>) -> Vec<String> {
        let (shell, mut taken) = channel(1);
        let mut waiting = Requests::new(shell);
        for request in requests {
            waiting.add(request);
        }
        let mut told = vec![taken.recv().await.unwrap()];
        while !waiting.waiting.is_empty() {
            waiting.go_on().await;
            told.push(taken.recv().await.unwrap());
        }
        told.into_iter()
            .map(|request| match request {
                ShellRequest::Notify(Notice {
                    chat_id,
                    text,
                    count,
                    may_reply,
                    ..
                }) => format!(
                    "{chat_id}: {} ({count}, {may_reply})",
                    text.as_deref().unwrap_or("…")
                ),
                ShellRequest::Withdraw { chat_id } => format!("{chat_id} is read"),
                ShellRequest::WithdrawAll => "all go".to_owned(),
            })
            .collect()
    }

    #[tokio::test]
    async fn notices_that_wait_become_one_of_each_chat() {
        let requests = ["a", "b", "a", "c", "b", "a"]
            .iter()
            .enumerate()
            .map(|(number, id)| notice(id, &number.to_string()));
        assert_eq!(
            told(requests.collect()).await,
            [
                "a: 0 (1, true)",
                "c: 3 (1, true)",
                "b: … (2, false)",
                "a: … (2, false)"
            ]
        );
    }

    #[tokio::test]
    async fn what_was_read_meanwhile_is_not_told_and_is_withdrawn_once() {
        let requests = vec![
            notice("a", "1"),
            notice("a", "2"),
            notice("b", "3"),
            withdrawal("a"),
            withdrawal("a"),
            notice("a", "4"),
        ];
        assert_eq!(
            told(requests).await,
            ["a: 1 (1, true)", "b: 3 (1, true)", "a is read", "a: 4 (1, true)"]
        );
        let requests = vec![notice("a", "1"), notice("b", "2"), ShellRequest::WithdrawAll];
        assert_eq!(told(requests).await, ["a: 1 (1, true)", "all go"]);
    }
}
