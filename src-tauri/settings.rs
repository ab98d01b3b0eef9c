//! The few settings that the app acts on. The page writes them, the window's store keeps the file.
//!
//! Never a secret: the file is plain text.

use std::{fs, sync::Arc, time::Duration};

use khaya_chat::{files::DEFAULT_QUOTA, intent::Quiet};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::profile::Profile;

/// The keys, and what holds when they are absent or make no sense.
const CLOSE_TO_TRAY: (&str, bool) = ("closeToTray", true);
const NOTICE_TEXT: (&str, bool) = ("noticeText", true);
const NOTICE_SOUND: (&str, bool) = ("noticeSound", true);
const DO_NOT_DISTURB: (&str, bool) = ("doNotDisturb", false);
const QUIET_BUT_MENTIONS: (&str, bool) = ("quietButMentions", false);
const LOCK_ON_SUSPEND: (&str, bool) = ("lockOnSuspend", true);
/// Minutes without use after which a lock closes, as text; none or 0 means never.
const LOCK_AFTER: &str = "lockAfter";
/// How much is kept of files that were shown, in MB, as text.
const KEEP_FILES: &str = "keepFiles";
/// `stable` or `beta`.
const UPDATE_CHANNEL: &str = "updateChannel";
/// The tag of one of the languages; another word, or none, means the system's.
pub(crate) const LANGUAGE: &str = "language";
/// Times of the day, as `22:30`; quiet hours are from the one to the other.
const QUIET_FROM: &str = "quietFrom";
const QUIET_TO: &str = "quietTo";

/// What the person has chosen last. Cheap to clone; all clones see a change.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    chosen: Arc<watch::Sender<Map<String, Value>>>,
}

impl Settings {
    /// Reads the file. Without one, or with one that cannot be read, everything is as at first.
    pub(crate) fn read(profile: &Profile) -> Self {
        let chosen = fs::read(profile.settings())
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            chosen: Arc::new(watch::Sender::new(chosen.unwrap_or_default())),
        }
    }

    /// The person has chosen anew.
    pub(crate) fn replace(&self, chosen: Map<String, Value>) {
        self.chosen.send_replace(chosen);
    }

    /// Closing the window leaves the app in the tray.
    pub(crate) fn close_to_tray(&self) -> bool {
        self.flag(CLOSE_TO_TRAY)
    }

    /// A notice shows the text of the message.
    pub(crate) fn notice_text(&self) -> bool {
        self.flag(NOTICE_TEXT)
    }

    /// A notice makes a sound.
    pub(crate) fn notice_sound(&self) -> bool {
        self.flag(NOTICE_SOUND)
    }

    /// How long the app may not be used before its lock closes.
    pub(crate) fn lock_after(&self) -> Option<Duration> {
        let minutes: u64 = self.text(LOCK_AFTER)?.parse().ok()?;
        (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)))
    }

    /// The lock closes when the computer sleeps or its screen is locked.
    pub(crate) fn lock_on_suspend(&self) -> bool {
        self.flag(LOCK_ON_SUSPEND)
    }

    /// How much is kept of files that were shown, in bytes.
    pub(crate) fn keep_files(&self) -> u64 {
        let chosen = self.text(KEEP_FILES).and_then(|text| text.parse::<u32>().ok());
        chosen.map_or(DEFAULT_QUOTA, |megabytes| u64::from(megabytes) * 1_000_000)
    }

    /// Which releases the person wants.
    pub(crate) fn update_channel(&self) -> &'static str {
        match self.text(UPDATE_CHANNEL).as_deref() {
            Some("beta") => "beta",
            Some(_) | None => "stable",
        }
    }

    /// The language that the person wants, whether there are words of it or not. None: as the system.
    pub(crate) fn language(&self) -> Option<String> {
        self.text(LANGUAGE)
    }

    /// When there are no notices; the clock's place in the world is not its business.
    pub(crate) fn quiet(&self) -> Quiet {
        Quiet {
            do_not_disturb: self.flag(DO_NOT_DISTURB),
            hours: self.time(QUIET_FROM).zip(self.time(QUIET_TO)),
            utc_offset: 0,
            but_mentions: self.flag(QUIET_BUT_MENTIONS),
        }
    }

    /// Tells of each change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<Map<String, Value>> {
        self.chosen.subscribe()
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.chosen.borrow().get(key)?.as_str()?.to_owned())
    }

    /// In minutes after midnight.
    fn time(&self, key: &str) -> Option<u16> {
        let text = self.text(key)?;
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    }

    fn flag(&self, (key, default): (&str, bool)) -> bool {
        self.chosen
            .borrow()
            .get(key)
            .and_then(Value::as_bool)
            .unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::arguments::Arguments;

    fn read(content: &str) -> Settings {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::parse_from(["khaya", "--data-dir", directory.path().to_str().unwrap()]);
        let profile = Profile::open(&arguments).unwrap();
        fs::write(profile.settings(), content).unwrap();
        Settings::read(&profile)
    }

    #[test]
    fn what_is_kept_of_files_has_a_size() {
        for (content, bytes) in [
            (r#"{"keepFiles":"0"}"#, 0),
            (r#"{"keepFiles":"100"}"#, 100_000_000),
            (r#"{"keepFiles":"-1"}"#, DEFAULT_QUOTA),
            (r#"{"keepFiles":"99999999999999999999"}"#, DEFAULT_QUOTA),
            ("{}", DEFAULT_QUOTA),
        ] {
            assert_eq!(read(content).keep_files(), bytes, "{content}");
        }
    }

    #[test]
    fn quiet_hours_need_two_times() {
        for (content, hours) in [
            (
                "{\"quietFrom\":\"22:30\",\"quietTo\":\"07:00\"}",
                Some((1350, 420)),
            ),
            ("{\"quietFrom\":\"22:30\"}", None),
            ("{\"quietFrom\":\"22:30\",\"quietTo\":\"\"}", None),
            ("{\"quietFrom\":\"24:00\",\"quietTo\":\"07:00\"}", None),
            ("{\"quietFrom\":1,\"quietTo\":\"x:y\"}", None),
        ] {
            assert_eq!(read(content).quiet().hours, hours, "{content}");
        }
        assert!(read("{\"doNotDisturb\":true}").quiet().do_not_disturb);
    }

    #[test]
    fn reads_what_makes_sense_and_sees_changes() {
        for odd in ["", "[1]", "{\"noticeText\":\"no\"}"] {
            assert!(read(odd).notice_text(), "{odd}");
        }
        let settings = read("{\"noticeText\":false}");
        assert!(!settings.notice_text() && settings.notice_sound() && settings.close_to_tray());
        let Value::Object(chosen) = json!({ "closeToTray": false }) else {
            panic!("an object")
        };
        settings.clone().replace(chosen);
        assert!(settings.notice_text() && !settings.close_to_tray());
        for (content, after) in [
            ("{}", None),
            ("{\"lockAfter\":\"0\"}", None),
            ("{\"lockAfter\":\"5\"}", Some(300)),
        ] {
            assert_eq!(
                read(content).lock_after(),
                after.map(Duration::from_secs),
                "{content}"
            );
        }
        assert_eq!(read("{\"updateChannel\":\"beta\"}").update_channel(), "beta");
        assert_eq!(read("{\"updateChannel\":\"../x\"}").update_channel(), "stable");
    }
}
