//! What happens between the machines and the rest: disks, keyrings, the network and the server, and how each of
//! them goes wrong.

use std::time::Duration;

use khaya_chat::{
    api::{ApiError, Call},
    machine::{Input, SecretsAnswer, SecretsRequest, SocketCommand, SocketEvent},
    shell::SecretsError,
    store::{Op, StoreError},
    view::{Failure, Transport},
};
use khaya_wire::Code;
use serde_json::Value;

use super::{
    MS, SECOND, World,
    client::{Event, Link},
};

impl World {
    /// Sends what the server tells to its sockets.
    pub(crate) fn deliver(&mut self, sent: Vec<(u64, &'static str, Value)>) {
        for (link, name, data) in sent {
            let Some(client) = self.client_of(link) else {
                continue;
            };
            if self.has_faults && self.random.happens(10) {
                continue;
            }
            let times = if self.has_faults && self.random.happens(20) {
                2
            } else {
                1
            };
            for _ in 0..times {
                let at = (self.now + self.delay()).max(self.clients[client].last_event);
                self.clients[client].last_event = at;
                let event = SocketEvent::Event {
                    name: name.to_owned(),
                    data: data.clone(),
                };
                self.push(at, Event::Socket { client, link, event });
            }
        }
    }

    pub(super) fn run_store(&mut self, client: usize, life: u64, token: u64, op: Op) {
        if self.clients[client].life != life {
            return;
        }
        let fails = self.has_faults && !matches!(op, Op::Load) && self.random.happens(5);
        let result = if fails {
            Err(StoreError::DiskFull)
        } else {
            // What was missed is stored in pieces, where there is something else to be done.
            let random = &mut self.random;
            self.clients[client]
                .store
                .run_until(op, &mut |_| random.happens(100))
        };
        if let Err(error) = &result {
            assert!(
                matches!(error, StoreError::DiskFull | StoreError::NoAccount),
                "{error}"
            );
        }
        let at =
            (self.now + self.random.between(Duration::ZERO, 2 * MS)).max(self.clients[client].last_store);
        self.clients[client].last_store = at;
        self.push(
            at,
            Event::Stored {
                client,
                life,
                token,
                result,
            },
        );
    }

    pub(super) fn serve(&mut self, client: usize, life: u64, token: u64, call: &Call, twice: bool) {
        let is_cut = self.now < self.clients[client].cut_until;
        let answer = |result| Event::Response {
            client,
            life,
            token,
            result,
        };
        let delay = self.delay();
        if is_cut || (self.has_faults && self.random.happens(30)) {
            return self.at(delay, answer(Err(ApiError::Unreachable)));
        }
        if self.has_faults && self.random.happens(20) {
            let error = match self.random.below(3) {
                0 => ApiError::NotKhaya,
                1 => refused(Code::Unavailable),
                _ => ApiError::Refused {
                    code: Code::RateLimited,
                    detail: String::new(),
                    retry_after: Some(2 * SECOND),
                },
            };
            return self.at(delay, answer(Err(error)));
        }
        let (result, sent) = self.server.call(self.now, call);
        self.deliver(sent);
        if twice {
            // Something between repeats a request; the answer to the first is what arrives.
            let (_, sent) = self.server.call(self.now, call);
            self.deliver(sent);
        }
        let result = if self.has_faults && self.random.happens(50) {
            match self.random.below(3) {
                0 => Err(ApiError::Timeout),
                1 => Err(ApiError::Interrupted),
                _ => Err(refused(Code::Unavailable)),
            }
        } else {
            result
        };
        self.at(delay, answer(result));
    }

    pub(super) fn attempt(&mut self, client: usize, link: u64) {
        let Some(current) = self.clients[client]
            .link
            .as_ref()
            .filter(|current| current.id == link)
        else {
            return;
        };
        let token = current.token.clone();
        let is_cut = self.now < self.clients[client].cut_until;
        if is_cut || (self.has_faults && self.random.happens(200)) {
            return self.link_failed(client);
        }
        match self.server.connect(self.now, link, token.expose()) {
            Ok(()) => {
                let current = self.clients[client].link.as_mut().unwrap();
                current.is_up = true;
                current.failures = 0;
                let transport = if self.random.happens(500) {
                    Transport::WebSocket
                } else {
                    Transport::Polling
                };
                self.clients[client].last_event = self.now;
                self.feed(client, Input::Socket(SocketEvent::Up { transport }));
            }
            Err(token_expired) => {
                self.clients[client].link = None;
                self.feed(client, Input::Socket(SocketEvent::Refused { token_expired }));
            }
        }
    }

    /// The connection is lost or was not made, and is tried again by itself.
    pub(super) fn link_failed(&mut self, client: usize) {
        let Some(current) = &mut self.clients[client].link else {
            return;
        };
        self.server.disconnect(current.id);
        self.next_link += 1;
        current.id = self.next_link;
        current.is_up = false;
        current.failures += 1;
        let wait = SECOND * current.failures.min(5);
        let link = current.id;
        self.at(wait, Event::Attempt { client, link });
        let failure = Failure::new("unreachable", "No connection.");
        self.feed(client, Input::Socket(SocketEvent::Down { failure }));
        self.feed(client, Input::Socket(SocketEvent::Waiting { retry_in: wait }));
    }

    pub(super) fn lose_link_of(&mut self, link: u64) {
        self.server.disconnect(link);
        if let Some(client) = self.client_of(link) {
            self.link_failed(client);
        }
    }

    pub(super) fn run_secrets(&mut self, client: usize, life: u64, request: SecretsRequest) {
        if self.clients[client].life != life {
            return;
        }
        let fails = self.has_faults && self.random.happens(20);
        let this = &mut self.clients[client];
        this.keyring_failed |= fails;
        let failed = || SecretsError {
            message: "The keyring is locked.".to_owned(),
        };
        let answer = match request {
            SecretsRequest::Load if fails => SecretsAnswer::Loaded(Err(failed())),
            SecretsRequest::Save(_) if fails => SecretsAnswer::Saved(Err(failed())),
            SecretsRequest::Load => SecretsAnswer::Loaded(Ok(this.keyring.clone())),
            SecretsRequest::Save(secret) => {
                this.keyring = Some(secret);
                SecretsAnswer::Saved(Ok(()))
            }
            SecretsRequest::Delete => {
                this.keyring = None;
                SecretsAnswer::Deleted(Ok(()))
            }
        };
        self.feed(client, Input::Secrets(answer));
    }

    pub(super) fn command(&mut self, client: usize, command: SocketCommand) {
        match command {
            SocketCommand::Connect { token, .. } => {
                if let Some(old) = self.clients[client].link.take() {
                    self.server.disconnect(old.id);
                }
                self.next_link += 1;
                let link = self.next_link;
                self.clients[client].link = Some(Link {
                    id: link,
                    is_up: false,
                    token,
                    failures: 0,
                });
                let wait = self.delay();
                self.at(wait, Event::Attempt { client, link });
            }
            SocketCommand::SetToken(token) => {
                if let Some(link) = &mut self.clients[client].link {
                    link.token = token;
                }
            }
            SocketCommand::Retry => {
                if let Some(link) = self.clients[client].link.as_ref().filter(|link| !link.is_up) {
                    let link = link.id;
                    self.at(MS, Event::Attempt { client, link });
                }
            }
            SocketCommand::NetworkChanged => {
                if let Some(link) = self.clients[client].link.as_ref().map(|link| link.id) {
                    let wait = self.delay();
                    self.at(wait, Event::Lost { link });
                }
            }
            SocketCommand::Disconnect => {
                if let Some(link) = self.clients[client].link.take() {
                    self.server.disconnect(link.id);
                }
            }
            SocketCommand::Emit { name, data } => {
                if let Some(link) = self.clients[client].link.as_ref().filter(|link| link.is_up) {
                    let link = link.id;
                    let at = self.now + self.delay();
                    self.push(at, Event::Emit { link, name, data });
                }
            }
        }
    }

    pub(super) fn client_of(&self, link: u64) -> Option<usize> {
        self.clients
            .iter()
            .position(|client| client.link.as_ref().is_some_and(|current| current.id == link))
    }

    pub(super) fn delay(&mut self) -> Duration {
        if self.has_faults && self.random.happens(30) {
            self.random.between(MS, 8 * SECOND)
        } else {
            self.random.between(MS, 120 * MS)
        }
    }
}

fn refused(code: Code) -> ApiError {
    ApiError::Refused {
        code,
        detail: String::new(),
        retry_after: None,
    }
}
