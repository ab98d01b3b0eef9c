//! How many of something somebody has at once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts, for each `K`, what is held of it. Holds no more entries than there are things held.
#[derive(Debug)]
pub(crate) struct Counted<K: Eq + Hash> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    limit: usize,
}

/// One thing that is held. Given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held<K: Eq + Hash> {
    key: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Clone + Eq + Hash> Counted<K> {
    /// At most `limit` for each; 0 is no limit.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            held: Arc::default(),
            limit,
        }
    }

    /// Takes one more, if `key` may have it.
    pub(crate) fn take(&self, key: K) -> Option<Held<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&key).copied().unwrap_or(0);
        if self.limit != 0 && count >= self.limit {
            return None;
        }
        held.insert(key.clone(), count + 1);
        Some(Held {
            key,
            held: Arc::clone(&self.held),
        })
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_more_than_the_limit_and_takes_back() {
        let counted = Counted::new(2);
        let (first, _second) = (counted.take("a").unwrap(), counted.take("a").unwrap());
        assert!(counted.take("a").is_none());
        let other = counted.take("b");
        assert!(other.is_some());
        drop((first, other));
        assert!(counted.take("a").is_some());
        assert_eq!(counted.held.lock().unwrap().len(), 1);
        let lifted = Counted::new(0);
        let held: Vec<_> = (0..100).map(|_| lifted.take("a")).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
