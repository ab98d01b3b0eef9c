//! When somebody who is there last did something, and so whether they are away. What an app does by itself (it asks
//! what is new, it refreshes its token, it comes back after an outage) is nothing that somebody did.
//!
//! Each node keeps this for itself and hears of the rest over the bus, a few times in the time that it takes to be away.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use khaya_wire::UserId;

/// How often the other nodes hear of somebody, in the time that it takes to be away.
const TOLD_AWAY: u32 = 4;

/// Everybody who is there.
#[derive(Debug)]
pub(crate) struct Activity {
    /// After how long somebody is away; never when absent.
    after: Option<Duration>,
    people: Mutex<HashMap<UserId, Last>>,
}

#[derive(Debug)]
struct Last {
    active: Instant,
    /// When the other nodes were told.
    told: Instant,
    is_away: bool,
}

/// What is to be told of somebody who does something.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// To those who share a chat with them: they are back.
    pub(crate) is_back: bool,
    /// To the other nodes.
    pub(crate) to_nodes: bool,
}

impl Activity {
    pub(crate) fn new(after: Option<Duration>) -> Self {
        Self {
            after,
            people: Mutex::default(),
        }
    }

    /// How often to look for those who are away by now; never when absent.
    pub(crate) fn look_every(&self) -> Option<Duration> {
        self.after.map(|after| after / 10)
    }

    /// Somebody has come.
    pub(crate) fn came(&self, user: &UserId, now: Instant) {
        if self.after.is_some() {
            let last = Last {
                active: now,
                told: now,
                is_away: false,
            };
            self.lock().insert(user.clone(), last);
        }
    }

    /// Somebody has gone.
    pub(crate) fn went(&self, user: &UserId) {
        self.lock().remove(user);
    }

    /// Somebody does something. Of those who are not there nothing is known.
    pub(crate) fn touch(&self, user: &UserId, now: Instant) -> News {
        let (Some(after), mut people) = (self.after, self.lock()) else {
            return News::default();
        };
        let Some(last) = people.get_mut(user) else {
            return News::default();
        };
        last.active = now;
        let is_back = std::mem::take(&mut last.is_away);
        let to_nodes = is_back || now.saturating_duration_since(last.told) >= after / TOLD_AWAY;
        if to_nodes {
            last.told = now;
        }
        News { is_back, to_nodes }
    }

    /// Whether somebody who is there is away.
    pub(crate) fn is_away(&self, user: &UserId) -> bool {
        self.lock().get(user).is_some_and(|last| last.is_away)
    }

    /// Those who are away now and were not at the last look.
    pub(crate) fn newly_away(&self, now: Instant) -> Vec<UserId> {
        let Some(after) = self.after else {
            return Vec::new();
        };
        let mut people = self.lock();
        let silent = people
            .iter_mut()
            .filter(|(_, last)| !last.is_away && now.saturating_duration_since(last.active) >= after);
        silent
            .map(|(user, last)| {
                last.is_away = true;
                user.clone()
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Last>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_nothing_for_long_is_away_until_they_do_something() {
        let (activity, ann) = (
            Activity::new(Some(Duration::from_secs(600))),
            "ann".parse::<UserId>().unwrap(),
        );
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let news = |is_back, to_nodes| News { is_back, to_nodes };
        assert_eq!(activity.touch(&ann, at(0)), news(false, false));
        activity.came(&ann, at(0));
        assert_eq!(activity.touch(&ann, at(100)), news(false, false));
        assert_eq!(activity.newly_away(at(699)), []);
        assert!(!activity.is_away(&ann));
        assert_eq!(activity.newly_away(at(700)), std::slice::from_ref(&ann));
        assert_eq!(activity.newly_away(at(701)), []);
        assert!(activity.is_away(&ann));
        assert_eq!(activity.touch(&ann, at(800)), news(true, true));
        assert!(!activity.is_away(&ann));
        assert_eq!(activity.touch(&ann, at(949)), news(false, false));
        assert_eq!(activity.touch(&ann, at(950)), news(false, true));
        activity.went(&ann);
        assert_eq!(activity.newly_away(at(9_000)), []);

        let never = Activity::new(None);
        never.came(&ann, at(0));
        assert_eq!(never.newly_away(at(9_000)), []);
        assert_eq!(never.touch(&ann, at(9_000)), news(false, false));
    }
}
