//! The other nodes, and who has sockets on them.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use khaya_wire::UserId;
use tokio::time::Instant;

/// What is known of the other nodes.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: HashMap<String, Node>,
}

#[derive(Debug)]
struct Node {
    heard: Instant,
    people: HashSet<UserId>,
}

impl Nodes {
    /// Whether somebody has a socket on one of them.
    pub(super) fn has(&self, user: &UserId) -> bool {
        self.nodes.values().any(|node| node.people.contains(user))
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// A node has said something. Whether it was unknown.
    pub(super) fn heard(&mut self, name: &str) -> bool {
        let now = Instant::now();
        match self.nodes.get_mut(name) {
            Some(node) => {
                node.heard = now;
                false
            }
            None => {
                let people = HashSet::new();
                self.nodes.insert(name.to_owned(), Node { heard: now, people });
                true
            }
        }
    }

    /// Some have come to a node. Those who were on none before.
    pub(super) fn came(&mut self, name: &str, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        let mut fresh = Vec::new();
        for user in users {
            if !self.has(&user) {
                fresh.push(user.clone());
            }
            if let Some(node) = self.nodes.get_mut(name) {
                node.people.insert(user);
            }
        }
        fresh
    }

    /// Somebody has gone from a node. They are given back when they are on none any more.
    pub(super) fn went(&mut self, name: &str, user: &UserId) -> Option<UserId> {
        let there = self.nodes.get_mut(name)?.people.take(user)?;
        (!self.has(user)).then_some(there)
    }

    /// A node has said who is there. Who is new on all of them, and who is on none any more.
    pub(super) fn census(&mut self, name: &str, users: Vec<UserId>) -> (Vec<UserId>, Vec<UserId>) {
        let now: HashSet<UserId> = users.iter().cloned().collect();
        let before = self
            .nodes
            .get(name)
            .map(|node| node.people.clone())
            .unwrap_or_default();
        let came = self.came(name, users);
        let went = before
            .difference(&now)
            .filter_map(|user| self.went(name, user))
            .collect();
        (came, went)
    }

    /// A node has gone. Who is on none any more.
    pub(super) fn forget(&mut self, name: &str) -> Vec<UserId> {
        let Some(node) = self.nodes.remove(name) else {
            return Vec::new();
        };
        node.people.into_iter().filter(|user| !self.has(user)).collect()
    }

    /// Those that have said nothing for so long have gone.
    pub(super) fn forget_silent(&mut self, silence: Duration) -> Vec<UserId> {
        let silent: Vec<String> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.heard.elapsed() > silence)
            .map(|(name, _)| name.clone())
            .collect();
        silent.iter().flat_map(|name| self.forget(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    #[test]
    fn knows_who_is_on_any_node() {
        let mut nodes = Nodes::default();
        assert!(nodes.heard("a") && nodes.heard("b") && !nodes.heard("a"));
        assert_eq!(nodes.came("a", [user("u")]), [user("u")]);
        assert!(nodes.came("b", [user("u")]).is_empty());
        assert_eq!(nodes.went("a", &user("u")), None);
        assert!(nodes.has(&user("u")));
        assert_eq!(nodes.went("b", &user("u")), Some(user("u")));
        assert!(!nodes.has(&user("u")));
        let (came, went) = nodes.census("a", vec![user("v"), user("w")]);
        assert_eq!((came.len(), went.len()), (2, 0));
        let (came, went) = nodes.census("a", vec![user("w")]);
        assert_eq!((came.len(), went), (0, vec![user("v")]));
        nodes.came("b", [user("w"), user("x")]);
        assert_eq!(nodes.forget("b"), [user("x")]);
        assert_eq!(nodes.forget_silent(Duration::from_secs(60)), []);
        assert_eq!(nodes.forget_silent(Duration::ZERO), [user("w")]);
    }
}
