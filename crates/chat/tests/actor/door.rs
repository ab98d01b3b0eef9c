//! The store's key on its way between keyring, passphrase and file: in every state of the keyring the store opens or
//! says why it does not, and what was typed is there again once the key is.

use std::{fs, path::Path, sync::Arc};

use khaya_chat::{
    Intent, View,
    actor::{self, Handle},
    intent::Secret,
    shell::{SecretName, Secrets as _},
    store::{self, Answer, KeyFile, Op, SignedIn, StoreKey},
    view::{Failure, Session},
};
use khaya_wire::ChatId;

use crate::{
    keyring::{Keyring, scratch},
    samples::user,
};

const DRAFT: &str = "half a thought";

/// A profile and its keyring.
struct Desk {
    folder: tempfile::TempDir,
    keyring: Arc<Keyring>,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: scratch(),
            keyring: Arc::default(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn start(&self) -> Handle {
        let config = actor::Config {
            data_dir: self.path().to_owned(),
            http: || reqwest::Client::builder().build(),
            secrets: Arc::clone(&self.keyring) as _,
        };
        actor::start(config).await.unwrap().0
    }

    /// Runs once, so that there is a store whose key the keyring has, and writes a draft into it.
    async fn with_draft() -> Self {
        let desk = Self::new();
        desk.start().await.shut_down().await;
        desk.write_draft(&desk.keyring.key().unwrap());
        desk
    }

    fn write_draft(&self, key: &StoreKey) {
        let mut store = store::open(self.path(), key).unwrap().store;
        store.run(sign_in()).unwrap();
        let draft = Op::SaveDraft {
            chat: ChatId::new("chat").unwrap(),
            text: DRAFT.to_owned(),
        };
        store.run(draft).unwrap();
    }

    /// Whether the draft is in the store that there is now.
    fn has_draft(&self, key: &StoreKey) -> bool {
        let mut store = store::open(self.path(), key).unwrap().store;
        let is_signed_in =
            matches!(store.run(Op::Load).unwrap(), Answer::Profile(profile) if profile.last.is_some());
        drop(store);
        is_signed_in && {
            let small = rusqlite::Connection::open(self.path().join("unsent.db")).unwrap();
            small
                .execute_batch(&format!("PRAGMA key = \"x'{}'\"", key.to_text().expose()))
                .unwrap();
            small
                .query_row("SELECT text FROM drafts", [], |row| row.get::<_, String>(0))
                .is_ok_and(|text| text == DRAFT)
        }
    }

    fn set_aside(&self) -> usize {
        fs::read_dir(self.path())
            .unwrap()
            .filter(|file| {
                file.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .contains("locked")
            })
            .count()
    }
}

fn sign_in() -> Op {
    Op::SignIn(Box::new(SignedIn {
        server: "https://chat.example.org".into(),
        discovery: None,
        user: user("me"),
    }))
}

fn view(handle: &Handle) -> Arc<View> {
    Arc::clone(&handle.view().borrow())
}

/// The code of what is in the way, and whether a passphrase helps.
fn locked(handle: &Handle) -> Option<(String, bool)> {
    match &view(handle).session {
        Session::Locked { failure, can_recover } => Some((failure.code.clone(), *can_recover)),
        Session::SignedOut { .. } | Session::SigningIn { .. } | Session::SignedIn { .. } => None,
    }
}

async fn opened(handle: &Handle) {
    handle
        .view()
        .wait_for(|view| !matches!(view.session, Session::Locked { .. }))
        .await
        .unwrap();
}

async fn unlock(handle: &Handle, passphrase: Option<&str>) -> Result<(), Failure> {
    handle
        .dispatch(Intent::UnlockStore {
            passphrase: passphrase.map(Secret::new),
        })
        .await
}

async fn set_passphrase(handle: &Handle, passphrase: Option<&str>) -> Result<(), Failure> {
    handle
        .dispatch(Intent::SetRecoveryPassphrase {
            passphrase: passphrase.map(Secret::new),
        })
        .await
}

#[tokio::test]
async fn a_first_start_makes_a_key_and_the_next_one_finds_it() {
    let desk = Desk::with_draft().await;
    let key = desk.keyring.key().unwrap();
    let handle = desk.start().await;
    assert_eq!(locked(&handle), None);
    handle.shut_down().await;
    assert_eq!(desk.keyring.key(), Some(key.clone()));
    assert!(desk.has_draft(&key));
    for file in fs::read_dir(desk.path()).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        let text = key.to_text();
        assert!(
            !content
                .windows(64)
                .any(|window| window == text.expose().as_bytes())
        );
    }
}

#[tokio::test]
async fn a_locked_keyring_is_waited_for() {
    let desk = Desk::with_draft().await;
    let key = desk.keyring.key().unwrap();
    desk.keyring.lock(true);
    let handle = desk.start().await;
    assert_eq!(locked(&handle), Some(("store_locked".to_owned(), false)));
    let refused = handle.dispatch(Intent::Refresh).await.unwrap_err();
    assert_eq!(refused.code, "store_locked");
    assert_eq!(
        unlock(&handle, None).await.unwrap_err().message,
        "The keyring is locked."
    );
    desk.keyring.lock(false);
    unlock(&handle, None).await.unwrap();
    opened(&handle).await;
    handle.shut_down().await;
    assert!(desk.has_draft(&key));
    assert_eq!(desk.set_aside(), 0);
}

#[tokio::test]
async fn a_keyring_that_is_asked_while_it_asks_is_asked_again_after_that() {
    let desk = Desk::with_draft().await;
    desk.keyring.lock(true);
    let handle = desk.start().await;
    let (asked, release) = desk.keyring.hold();
    let meanwhile = async {
        asked.await.unwrap();
        // Answered in turn: by then both wishes have been heard.
        handle.dispatch(Intent::Refresh).await.unwrap_err();
        desk.keyring.lock(false);
        drop(release);
    };
    let (first, second, ()) = tokio::join!(unlock(&handle, None), unlock(&handle, None), meanwhile);
    assert_eq!(first.unwrap_err().message, "The keyring is locked.");
    second.unwrap();
    opened(&handle).await;
    handle.shut_down().await;
}

#[tokio::test]
async fn a_passphrase_opens_what_the_keyring_cannot() {
    let desk = Desk::with_draft().await;
    let key = desk.keyring.key().unwrap();
    let handle = desk.start().await;
    set_passphrase(&handle, Some("correct horse")).await.unwrap();
    handle.shut_down().await;
    // Locked, then without the key.
    for is_locked in [true, false] {
        desk.keyring.lock(is_locked);
        desk.keyring.forget();
        let handle = desk.start().await;
        let code = if is_locked {
            "store_locked"
        } else {
            "store_key_lost"
        };
        assert_eq!(locked(&handle), Some((code.to_owned(), true)));
        let wrong = unlock(&handle, Some("wrong horse")).await.unwrap_err();
        assert_eq!(wrong.code, "wrong_passphrase");
        assert_eq!(locked(&handle), Some(("wrong_passphrase".to_owned(), true)));
        unlock(&handle, Some("correct horse")).await.unwrap();
        opened(&handle).await;
        handle.shut_down().await;
        assert!(desk.has_draft(&key));
    }
    assert_eq!(desk.keyring.key(), Some(key), "the keyring has it again");
    assert_eq!(desk.set_aside(), 0);
}

#[tokio::test]
async fn a_lost_key_sets_the_store_aside_and_says_so() {
    let desk = Desk::with_draft().await;
    let lost = desk.keyring.key().unwrap();
    desk.keyring.forget();
    let handle = desk.start().await;
    assert_eq!(locked(&handle), None);
    assert_eq!(view(&handle).alerts[0].failure.code, "store_set_aside");
    handle.shut_down().await;
    let key = desk.keyring.key().unwrap();
    assert_ne!(key, lost);
    assert!(!desk.has_draft(&key));
    // Nothing of it is lost for whoever finds the key again.
    let found = scratch();
    for name in ["chat", "unsent"] {
        fs::copy(
            desk.path().join(format!("{name}.locked-1.db")),
            found.path().join(format!("{name}.db")),
        )
        .unwrap();
    }
    let found = Desk {
        folder: found,
        keyring: Arc::default(),
    };
    assert!(found.has_draft(&lost));
}

#[tokio::test]
async fn another_key_in_the_keyring_opens_nothing_and_destroys_nothing() {
    let desk = Desk::with_draft().await;
    let lost = desk.keyring.key().unwrap();
    let handle = desk.start().await;
    set_passphrase(&handle, Some("correct horse")).await.unwrap();
    handle.shut_down().await;
    let other = StoreKey::generate().unwrap();
    desk.keyring
        .store(SecretName::StoreKey, other.to_text())
        .await
        .unwrap();
    let handle = desk.start().await;
    assert_eq!(locked(&handle), Some(("store_key_lost".to_owned(), true)));
    unlock(&handle, Some("correct horse")).await.unwrap();
    opened(&handle).await;
    handle.shut_down().await;
    assert!(desk.has_draft(&lost));
    // The key that was there may open something else.
    let file = KeyFile::read(desk.path()).unwrap().unwrap();
    assert_eq!(file.earlier(&lost), [other]);
}

#[tokio::test]
async fn without_a_keyring_the_store_lives_as_long_as_the_app_or_as_its_passphrase() {
    let desk = Desk::new();
    desk.keyring.lock(true);
    let handle = desk.start().await;
    assert_eq!(locked(&handle), None);
    let refused = set_passphrase(&handle, None).await.unwrap_err();
    assert_eq!(refused.code, "keyring_unavailable");
    handle.shut_down().await;
    // The key was in memory only, so nobody can read the store: the next one begins without a word.
    let handle = desk.start().await;
    assert_eq!(locked(&handle), None);
    assert!(view(&handle).alerts.is_empty());
    assert_eq!(desk.set_aside(), 0);
    set_passphrase(&handle, Some("correct horse")).await.unwrap();
    handle.shut_down().await;
    let file = KeyFile::read(desk.path()).unwrap().unwrap();
    let key = file.recover(&Secret::new("correct horse")).unwrap();
    desk.write_draft(&key);
    let handle = desk.start().await;
    assert_eq!(locked(&handle), Some(("store_locked".to_owned(), true)));
    // The keyring comes back, and has never heard of the key: the passphrase still counts.
    desk.keyring.lock(false);
    assert_eq!(unlock(&handle, None).await.unwrap_err().code, "store_key_lost");
    unlock(&handle, Some("correct horse")).await.unwrap();
    opened(&handle).await;
    handle.shut_down().await;
    assert!(desk.has_draft(&key));
    assert_eq!(desk.keyring.key(), Some(key), "the keyring has it now");
}

#[tokio::test]
async fn who_wants_no_key_begins_anew_and_the_old_store_stays() {
    let desk = Desk::with_draft().await;
    let before = desk.keyring.key().unwrap();
    desk.keyring.lock(true);
    let handle = desk.start().await;
    handle.dispatch(Intent::BeginStoreAnew).await.unwrap();
    opened(&handle).await;
    assert_eq!(view(&handle).alerts[0].failure.code, "store_set_aside");
    handle.shut_down().await;
    assert_eq!(desk.set_aside(), 4, "two files, each with what tells of its key");
    desk.keyring.lock(false);
    // The key in the keyring is not replaced: it opens what went aside.
    desk.start().await.shut_down().await;
    assert_eq!(desk.keyring.key(), Some(before));
}

#[tokio::test]
async fn a_plain_store_is_not_closed_up_with_a_key_that_nobody_keeps() {
    let desk = Desk::new();
    let plain = rusqlite::Connection::open(desk.path().join("chat.db")).unwrap();
    plain
        .execute_batch(include_str!("../../src/store/schema/1.sql"))
        .unwrap();
    plain.pragma_update(None, "user_version", 1).unwrap();
    drop(plain);
    let before = fs::read(desk.path().join("chat.db")).unwrap();
    desk.keyring.lock(true);
    let handle = desk.start().await;
    assert_eq!(locked(&handle), Some(("store_locked".to_owned(), false)));
    assert!(fs::read(desk.path().join("chat.db")).unwrap() == before);
    desk.keyring.lock(false);
    unlock(&handle, None).await.unwrap();
    opened(&handle).await;
    handle.shut_down().await;
    assert!(
        !fs::read(desk.path().join("chat.db"))
            .unwrap()
            .starts_with(b"SQLite")
    );
}

#[tokio::test]
async fn a_store_that_is_locked_is_told_in_the_diagnosis_and_one_that_is_open_with_its_size() {
    let desk = Desk::with_draft().await;
    desk.keyring.lock(true);
    let handle = desk.start().await;
    let told = handle.diagnose().await;
    assert_eq!(told.machine.session, "locked");
    assert!(told.storage.store > 0 && told.storage.set_aside == 0);
    desk.keyring.lock(false);
    handle.dispatch(Intent::BeginStoreAnew).await.unwrap();
    let told = handle.diagnose().await;
    assert_eq!(told.machine.session, "signedOut");
    assert!(told.storage.store > 0 && told.storage.set_aside > 0);
    assert!(told.work.slowest_store.is_some() && told.work.views > 0);
    handle.shut_down().await;
    assert!(
        handle.diagnose().await.storage.store > 0,
        "also when it has ended"
    );
}

#[tokio::test]
async fn what_is_in_the_way_of_a_start_is_told_and_can_pass() {
    let desk = Desk::with_draft().await;
    let key = desk.keyring.key().unwrap();
    // The file of what was typed cannot be opened: there is a folder in its place.
    let (path, away) = (desk.path().join("unsent.db"), desk.path().join("away"));
    fs::rename(&path, &away).unwrap();
    fs::create_dir(&path).unwrap();
    let handle = desk.start().await;
    assert_eq!(locked(&handle), Some(("store_failed".to_owned(), false)));
    let refused = handle.dispatch(Intent::BeginStoreAnew).await.unwrap_err();
    assert_eq!(refused.code, "store_locked", "nothing is wrong with the store");
    assert_eq!(unlock(&handle, None).await.unwrap_err().code, "store_failed");
    fs::remove_dir(&path).unwrap();
    fs::rename(&away, &path).unwrap();
    unlock(&handle, None).await.unwrap();
    handle.shut_down().await;
    assert_eq!(desk.set_aside(), 0);
    assert!(desk.has_draft(&key));
}
