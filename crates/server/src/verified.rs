//! The access tokens that were checked in full a moment ago, so that a client's next request costs no signature.
//!
//! Knows a token by its hash. Never says that a token counts: it may have ended since, and whoever asks here looks
//! at its time, and at its session in the database.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use khaya_wire::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::token::Access;

/// How many tokens are remembered. When there are more, it begins anew.
const MOST: usize = 16_384;

type Hash = [u8; 32];

/// What the tokens said.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    tokens: Mutex<HashMap<Hash, Access>>,
}

impl Verified {
    /// What a token said that was checked before and has not ended.
    pub(crate) fn get(&self, token: &str, now: Timestamp) -> Option<Access> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let access = tokens.get(&hash(token))?;
        (access.expires_at > now).then(|| access.clone())
    }

    /// Remembers a token that was checked, and whose first use has been noted.
    pub(crate) fn add(&self, token: &str, access: Access, now: Timestamp) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.retain(|_, access| access.expires_at > now);
        }
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(hash(token), access);
    }
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(expires_at: i64) -> Access {
        Access {
            user: "u".parse().unwrap(),
            session: "s".parse().unwrap(),
            generation: 1,
            expires_at: Timestamp::from_millis(expires_at),
        }
    }

    #[test]
    fn a_token_is_known_until_it_ends() {
        let verified = Verified::default();
        let at = Timestamp::from_millis;
        assert_eq!(verified.get("a", at(0)), None);
        verified.add("a", access(10), at(0));
        assert_eq!(verified.get("a", at(9)), Some(access(10)));
        assert_eq!(verified.get("a", at(10)), None);
        assert_eq!(verified.get("b", at(0)), None);
    }

    #[test]
    fn there_are_never_more_than_so_many_and_those_that_ended_go_first() {
        let verified = Verified::default();
        let at = Timestamp::from_millis;
        for token in 0..MOST {
            let end = if token % 2 == 0 { 10 } else { 100 };
            verified.add(&token.to_string(), access(end), at(0));
        }
        verified.add("one more", access(100), at(50));
        assert_eq!(verified.get("1", at(50)), Some(access(100)));
        for token in 0..MOST {
            verified.add(&format!("again {token}"), access(100), at(50));
            assert!(verified.tokens.lock().unwrap().len() <= MOST);
        }
    }
}
