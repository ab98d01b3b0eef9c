//! The model's Socket.IO: namespaces, events, acknowledgements, recovery.

use serde_json::{Value, json};

use super::{Action, Arrival, Server};
use crate::{client::pair::random::Random, codec::frame::Frame};

impl Server {
    /// Says something to some socket.
    pub(in crate::client::pair) fn speak(&mut self, random: &mut Random, out: &mut Vec<Action>) {
        let connected: Vec<(String, String, Option<String>)> = self
            .sessions
            .iter()
            .flat_map(|(sid, session)| {
                session
                    .sockets
                    .iter()
                    .map(move |(nsp, pid)| (sid.clone(), nsp.clone(), pid.clone()))
            })
            .collect();
        if let Some(pid) = self
            .lost
            .first()
            .filter(|_| connected.is_empty() || random.happens(200))
        {
            self.said += 1;
            self.recoverable.entry(pid.clone()).or_default().push(self.said);
            return;
        }
        if connected.is_empty() {
            return;
        }
        let (sid, nsp, pid) = connected[random.below(connected.len() as u64) as usize].clone();
        let prefix = if nsp == "/" {
            String::new()
        } else {
            format!("{nsp},")
        };
        if self.moody && random.happens(30) {
            self.drop_socket(&sid, &nsp);
            return self.send(
                &sid,
                Frame::Text(format!("41{prefix}").trim_end_matches(',').into()),
                out,
            );
        }
        self.said += 1;
        let number = self.said;
        if let Some(pid) = pid {
            self.recoverable.entry(pid).or_default().push(number);
            let event = json!(["s", number, number.to_string()]);
            return self.send(&sid, Frame::Text(format!("42{prefix}{event}").into()), out);
        }
        match random.below(4) {
            0 => {
                let event = json!(["s", number, {"_placeholder": true, "num": 0}]);
                self.send(&sid, Frame::Text(format!("451-{prefix}{event}").into()), out);
                self.send(&sid, Frame::Binary(vec![1, 2, 3].into()), out);
            }
            1 => self.send(
                &sid,
                Frame::Text(format!("42{prefix}{number}{}", json!(["s", number])).into()),
                out,
            ),
            _ => self.send(
                &sid,
                Frame::Text(format!("42{prefix}{}", json!(["s", number])).into()),
                out,
            ),
        }
    }

    /// What the recoverable socket of a namespace was sent, over all its connections.
    pub(in crate::client::pair) fn said_to(&self, namespace: &str) -> Option<&Vec<u64>> {
        let pids = self
            .sessions
            .values()
            .filter_map(|session| session.sockets.get(namespace));
        pids.flatten().last().and_then(|pid| self.recoverable.get(pid))
    }

    pub(super) fn message(&mut self, sid: &str, packet: &str, random: &mut Random, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        if session.awaited.is_some() {
            return self
                .violations
                .push(format!("text between attachments: {packet}"));
        }
        match packet.as_bytes().first() {
            Some(b'5' | b'6') => {
                let (count, rest) = packet[1..].split_once('-').expect("a count of attachments");
                let kind = if packet.starts_with('5') { '2' } else { '3' };
                session.awaited = Some((count.parse().expect("a number"), format!("{kind}{rest}")));
            }
            Some(_) | None => self.packet(sid, packet, random, out),
        }
    }

    pub(super) fn packet(&mut self, sid: &str, packet: &str, random: &mut Random, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        let (kind, rest) = packet.split_at(1);
        let (nsp, rest) = match rest.strip_prefix('/') {
            Some(named) => {
                let (name, rest) = named.split_once(',').unwrap_or((named, ""));
                (format!("/{name}"), rest)
            }
            None => ("/".to_owned(), rest),
        };
        let connected = session.sockets.contains_key(&nsp);
        match (kind, connected) {
            ("0", false) => self.connect(sid, &nsp, rest, random, out),
            ("1", true) => {
                if let Some(Some(pid)) = session.sockets.remove(&nsp) {
                    self.recoverable.remove(&pid);
                }
            }
            ("2", true) => self.event(sid, nsp, rest, random, out),
            ("3", true) => {}
            // It left here while the client was speaking.
            ("1" | "2" | "3", false) if session.left.contains(&nsp) => {}
            (_, _) => self
                .violations
                .push(format!("{packet} while connected is {connected}")),
        }
    }

    fn connect(&mut self, sid: &str, nsp: &str, auth: &str, random: &mut Random, out: &mut Vec<Action>) {
        let prefix = if nsp == "/" {
            String::new()
        } else {
            format!("{nsp},")
        };
        let auth: Value = serde_json::from_str(auth).unwrap_or_default();
        if auth["token"] != "t" {
            self.violations.push(format!("auth is {auth}"));
        }
        if self.moody && random.happens(100) {
            self.drop_socket(sid, nsp);
            let refusal = json!({ "message": "not now", "data": { "code": 1 } });
            return self.send(sid, Frame::Text(format!("44{prefix}{refusal}").into()), out);
        }
        let (pid, missed) = self.recover(nsp, &auth);
        if let Some(session) = self.sessions.get_mut(sid) {
            session.left.remove(nsp);
            session.sockets.insert(nsp.to_owned(), pid.clone());
        }
        for number in missed {
            let event = json!(["s", number, number.to_string()]);
            self.send(sid, Frame::Text(format!("42{prefix}{event}").into()), out);
        }
        self.made += 1;
        let mut reply = json!({ "sid": format!("socket{}", self.made) });
        if let Some(pid) = pid {
            reply["pid"] = pid.into();
        }
        self.send(sid, Frame::Text(format!("40{prefix}{reply}").into()), out);
    }

    /// The private id of a socket, and what it missed. Only `/` can be recovered.
    fn recover(&mut self, nsp: &str, auth: &Value) -> (Option<String>, Vec<u64>) {
        if nsp != "/" {
            return (None, Vec::new());
        }
        if let (Some(pid), Some(offset)) = (auth["pid"].as_str(), auth["offset"].as_str())
            && self.lost.contains(pid)
            && let Some(said) = self.recoverable.get(pid)
            && let Some(place) = said.iter().position(|number| number.to_string() == offset)
        {
            self.lost.remove(pid);
            return (Some(pid.to_owned()), said[place + 1..].to_vec());
        }
        self.made += 1;
        (Some(format!("private{}", self.made)), Vec::new())
    }

    fn event(
        &mut self,
        sid: &str,
        namespace: String,
        rest: &str,
        random: &mut Random,
        out: &mut Vec<Action>,
    ) {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let args: Value = serde_json::from_str(&rest[digits..]).expect("the client's JSON");
        let number = args[1].as_u64().expect("a number");
        if digits > 0 && !random.happens(if self.moody { 200 } else { 0 }) {
            let prefix = if namespace == "/" {
                String::new()
            } else {
                format!("{namespace},")
            };
            self.send(
                sid,
                Frame::Text(format!("43{prefix}{}[{number}]", &rest[..digits]).into()),
                out,
            );
        }
        self.arrivals.push(Arrival { namespace, number });
    }

    fn drop_socket(&mut self, sid: &str, nsp: &str) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        session.left.insert(nsp.to_owned());
        if let Some(Some(pid)) = session.sockets.remove(nsp) {
            // A socket that was told to go is not recovered.
            self.recoverable.remove(&pid);
        }
    }
}
