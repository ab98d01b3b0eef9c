//! Files between the page and the app: handed over piece by piece, shown as pictures, saved where the person wants.
//!
//! The page names no path and is given none. What it hands over lies in the profile's folder `incoming` until it is
//! whole; the app then has a copy of its own.

use std::{
    collections::HashMap,
    fs as std_fs, io,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use khaya_chat::files::StagedFile;
use khaya_wire::FileId;
use serde_json::value::RawValue;
use tauri::{
    AppHandle, Manager, Runtime, State, UriSchemeContext, UriSchemeResponder, WebviewWindow,
    http::{Method, Response, StatusCode, Uri, header},
    ipc::{InvokeBody, Request},
};
use tauri_plugin_dialog::{DialogExt, FilePath};
use tokio::{fs, io::AsyncWriteExt, sync::oneshot};

use super::{MAIN, asker::Asker, commands::json, settings::SettingsFile};
use crate::{
    link::{PictureOf, Question, Refusal, Reply},
    profile::Profile,
};

/// Where pictures come from: `khaya-file://localhost/ID`, with `/thumbnail` after it, or `/staged/ID`.
pub(super) const SCHEME: &str = "khaya-file";

/// How many files the page may hand over at once.
const AT_ONCE: usize = 16;

/// What an export is called where the person does not say otherwise.
const EXPORT: &str = "khaya-export.jsonl";

/// The longest name of a file, in bytes, that every file system takes.
const LONGEST_NAME: usize = 200;

/// What is being handed over.
pub(super) struct Incoming {
    folder: PathBuf,
    next: AtomicU64,
    files: Mutex<HashMap<u64, Begun>>,
}

/// One file that is not whole yet.
#[derive(Clone)]
struct Begun {
    path: PathBuf,
    name: String,
    mime_type: String,
}

impl Incoming {
    /// Begins with none: what another page left behind is nobody's.
    pub(super) fn open(profile: &Profile) -> io::Result<Self> {
        let folder = profile.incoming();
        for left in std_fs::read_dir(&folder)? {
            std_fs::remove_file(left?.path())?;
        }
        Ok(Self {
            folder,
            next: AtomicU64::new(0),
            files: Mutex::default(),
        })
    }

    fn begin(&self, name: &str, mime_type: &str) -> Result<u64, Refusal> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut files = self.files();
        if files.len() >= AT_ONCE {
            return Err(Refusal::new(
                "too_many_files",
                "So many files cannot be attached at once.",
            ));
        }
        let path = self.folder.join(number.to_string());
        std_fs::File::create(&path).map_err(|error| unwritten(&error))?;
        let begun = Begun {
            path,
            name: plain_name(name),
            mime_type: plain_type(mime_type),
        };
        files.insert(number, begun);
        Ok(number)
    }

    fn find(&self, number: u64) -> Result<Begun, Refusal> {
        self.files().get(&number).cloned().ok_or_else(unknown)
    }

    fn forget(&self, number: u64) -> Option<Begun> {
        self.files().remove(&number)
    }

    fn files(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Begun>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to hand a file over; the answer is what the next pieces are told apart by.
#[tauri::command(async)]
pub(super) fn begin_file(
    incoming: State<'_, Incoming>,
    asker: State<'_, Asker>,
    name: String,
    mime_type: String,
) -> Result<u64, Refusal> {
    asker.ensure_open()?;
    incoming.begin(&name, &mime_type)
}

/// The next piece, as the body of the request; the header `file` says of which file.
#[tauri::command]
pub(super) async fn append_file(
    incoming: State<'_, Incoming>,
    asker: State<'_, Asker>,
    request: Request<'_>,
) -> Result<(), Refusal> {
    asker.ensure_open()?;
    let number = request
        .headers()
        .get("file")
        .and_then(|value| value.to_str().ok());
    let number = number.and_then(|text| text.parse().ok()).ok_or_else(unknown)?;
    let InvokeBody::Raw(piece) = request.body() else {
        return Err(unknown());
    };
    let Begun { path, .. } = incoming.find(number)?;
    let written = async {
        let mut file = fs::OpenOptions::new().append(true).open(&path).await?;
        file.write_all(piece).await?;
        file.flush().await
    };
    written.await.map_err(|error| unwritten(&error))
}

/// The file is whole: it is made ready to be sent.
#[tauri::command]
pub(super) async fn end_file(
    incoming: State<'_, Incoming>,
    asker: State<'_, Asker>,
    number: u64,
) -> Result<StagedFile, Refusal> {
    asker.ensure_open()?;
    let Begun {
        path,
        name,
        mime_type,
    } = incoming.forget(number).ok_or_else(unknown)?;
    let question = Question::Attach {
        path: path.clone(),
        name,
        mime_type,
    };
    let answer = asker.ask(question).await;
    remove(path).await;
    match answer? {
        Reply::File(staged) => Ok(staged),
        Reply::Json(_) | Reply::Picture { .. } => Err(unknown()),
    }
}

/// The rest of the file does not come.
#[tauri::command]
pub(super) async fn drop_file(
    incoming: State<'_, Incoming>,
    asker: State<'_, Asker>,
    number: u64,
) -> Result<(), Refusal> {
    asker.ensure_open()?;
    if let Some(Begun { path, .. }) = incoming.forget(number) {
        remove(path).await;
    }
    Ok(())
}

/// A file that is ready to be sent is not sent after all.
#[tauri::command]
pub(super) async fn detach_file(asker: State<'_, Asker>, id: FileId) -> Result<(), Refusal> {
    asker.ask(Question::Detach(id)).await.and_then(json).map(drop)
}

/// Writes all that this computer has of the account into a file where the person wants it. Answers what it holds;
/// `null` when they changed their mind.
#[tauri::command]
pub(super) async fn export_chats(
    window: WebviewWindow,
    asker: State<'_, Asker>,
) -> Result<Box<RawValue>, Refusal> {
    asker.ensure_open()?;
    match place_to_save(&window, EXPORT.to_owned()).await? {
        Some(path) => json(asker.ask(Question::Export { path }).await?),
        None => Ok(RawValue::NULL.to_owned()),
    }
}

/// Takes back what an export has that was not sent. Answers what it was; `null` when the person changed their mind.
#[tauri::command]
pub(super) async fn import_chats(
    window: WebviewWindow,
    asker: State<'_, Asker>,
) -> Result<Box<RawValue>, Refusal> {
    asker.ensure_open()?;
    let (chosen, choice) = oneshot::channel();
    let title = window.state::<SettingsFile>().words().text("native.openFile");
    let dialog = window.dialog().file().set_parent(&window).set_title(title);
    dialog.pick_file(move |path| {
        // Nobody waits any more when the window is gone.
        let _ = chosen.send(path);
    });
    match path_of(choice.await.ok().flatten())? {
        Some(path) => json(asker.ask(Question::Import { path }).await?),
        None => Ok(RawValue::NULL.to_owned()),
    }
}

/// Saves a file where the person wants it; false when they changed their mind.
#[tauri::command]
pub(super) async fn save_file(
    window: WebviewWindow,
    asker: State<'_, Asker>,
    id: FileId,
    name: String,
) -> Result<bool, Refusal> {
    asker.ensure_open()?;
    let Some(path) = place_to_save(&window, name_on_disk(&name)).await? else {
        return Ok(false);
    };
    asker.ask(Question::Save { file: id, path }).await?;
    Ok(true)
}

/// Asks where a file is to be kept; `None` when the person changed their mind.
async fn place_to_save(window: &WebviewWindow, name: String) -> Result<Option<PathBuf>, Refusal> {
    let (chosen, choice) = oneshot::channel();
    let title = window.state::<SettingsFile>().words().text("native.saveFile");
    let mut dialog = window.dialog().file().set_parent(window).set_title(title);
    dialog = dialog.set_file_name(name);
    if let Some(folder) = dirs::download_dir() {
        dialog = dialog.set_directory(folder);
    }
    dialog.save_file(move |path| {
        // Nobody waits any more when the window is gone.
        let _ = chosen.send(path);
    });
    path_of(choice.await.ok().flatten())
}

fn path_of(place: Option<FilePath>) -> Result<Option<PathBuf>, Refusal> {
    place
        .map(FilePath::into_path)
        .transpose()
        .map_err(|_| Refusal::new("local_file", "The file cannot be kept there."))
}

/// Answers the page's request for a picture.
pub(super) fn serve_picture<R: Runtime>(
    context: UriSchemeContext<'_, R>,
    request: tauri::http::Request<Vec<u8>>,
    responder: UriSchemeResponder,
) {
    let wanted = (context.webview_label() == MAIN && request.method() == Method::GET)
        .then(|| picture_of(request.uri()))
        .flatten();
    let Some(which) = wanted else {
        return responder.respond(refused(StatusCode::NOT_FOUND));
    };
    let app: AppHandle<R> = context.app_handle().clone();
    tauri::async_runtime::spawn(async move {
        let answer = app.state::<Asker>().ask(Question::Picture(which)).await;
        responder.respond(match answer {
            Ok(Reply::Picture { mime_type, bytes }) => shown(&mime_type, bytes.0.to_vec()),
            Ok(Reply::Json(_) | Reply::File(_)) => refused(StatusCode::NOT_FOUND),
            Err(refusal) => {
                tracing::debug!(code = refusal.code, "a picture is not shown");
                refused(StatusCode::NOT_FOUND)
            }
        });
    });
}

/// Which picture an address means.
fn picture_of(uri: &Uri) -> Option<PictureOf> {
    let id = |text: &str| FileId::new(text).ok();
    let parts: Vec<&str> = uri.path().split('/').skip(1).collect();
    match parts[..] {
        ["staged", file] => id(file).map(PictureOf::Staged),
        [file, "thumbnail"] => id(file).map(PictureOf::Thumbnail),
        [file] => id(file).map(PictureOf::File),
        _ => None,
    }
}

/// A picture and nothing else: its type is not guessed, and it neither runs nor loads anything.
fn shown(mime_type: &str, bytes: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = refused(StatusCode::OK);
    for (name, value) in [
        (header::CONTENT_TYPE, mime_type),
        (header::CONTENT_DISPOSITION, "inline"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        // An id never means another file.
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    *response.body_mut() = bytes;
    response
}

fn refused(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

async fn remove(path: PathBuf) {
    if let Err(error) = fs::remove_file(path).await {
        tracing::warn!(%error, "a file that was handed over stays");
    }
}

/// The last part of a name, without what an eye could take for something else.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut plain = String::new();
    for character in last.trim().trim_start_matches('.').chars() {
        let is_hidden = character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if plain.len() + character.len_utf8() > LONGEST_NAME {
            break;
        }
        plain.push(if is_hidden { '_' } else { character });
    }
    if plain.is_empty() {
        "file".to_owned()
    } else {
        plain
    }
}

/// The same without what some file system has no place for.
fn name_on_disk(name: &str) -> String {
    plain_name(name).replace(['<', '>', ':', '"', '|', '?', '*'], "_")
}

/// A type as HTTP writes it (RFC 9110, section 8.3.1), without parameters; what is none says nothing.
fn plain_type(text: &str) -> String {
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    match essence.split_once('/') {
        Some((kind, subtype)) if essence.len() <= 127 && is_token(kind) && is_token(subtype) => essence,
        Some(_) | None => "application/octet-stream".to_owned(),
    }
}

fn unknown() -> Refusal {
    Refusal::new("unknown_file", "This file is not being attached any more.")
}

fn unwritten(error: &io::Error) -> Refusal {
    if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return Refusal::new(
            "disk_full",
            "The disk is full. Make room, and attach the file again.",
        );
    }
    Refusal::new("local_file", &format!("The file cannot be kept here: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_means_a_picture_or_nothing() {
        let picture = |address: &str| picture_of(&address.parse().unwrap());
        let id = || FileId::new("f-1").unwrap();
        assert_eq!(picture("khaya-file://localhost/f-1"), Some(PictureOf::File(id())));
        assert_eq!(
            picture("http://khaya-file.localhost/f-1/thumbnail"),
            Some(PictureOf::Thumbnail(id()))
        );
        assert_eq!(
            picture("khaya-file://localhost/staged/f-1?x"),
            Some(PictureOf::Staged(id()))
        );
        for none in [
            "khaya-file://localhost/",
            "khaya-file://localhost/../../etc/passwd",
            "khaya-file://localhost/staged/..%2f..%2fstore",
            "khaya-file://localhost/f-1/thumbnail/x",
            "khaya-file://localhost//f-1",
        ] {
            assert_eq!(picture(none), None, "{none}");
        }
    }

    #[test]
    fn names_are_names_and_nothing_else() {
        for (name, plain) in [
            ("plan.pdf", "plan.pdf"),
            ("../../.bashrc", "bashrc"),
            ("C:\\Users\\a\\b.txt", "b.txt"),
            ("invoice\u{202e}fdp.exe", "invoice_fdp.exe"),
            ("a\nb", "a_b"),
            ("...", "file"),
            ("", "file"),
            ("מסמך 1.doc", "מסמך 1.doc"),
        ] {
            assert_eq!(plain_name(name), plain, "{name:?}");
        }
        assert_eq!(plain_name("a & <b>.txt"), "a & <b>.txt");
        assert_eq!(name_on_disk("../a & <b>?.txt"), "a & _b__.txt");
        assert!(plain_name(&"ü".repeat(500)).len() <= LONGEST_NAME);
    }

    #[test]
    fn types_are_types_and_nothing_else() {
        for (said, plain) in [
            ("image/png", "image/png"),
            ("Text/Plain; charset=utf-8", "text/plain"),
            ("", "application/octet-stream"),
            ("a/b\r\nX: y", "application/octet-stream"),
            ("a/b/c", "application/octet-stream"),
        ] {
            assert_eq!(plain_type(said), plain, "{said:?}");
        }
    }

    #[tokio::test]
    async fn hands_over_a_file_in_pieces_and_leaves_none_behind() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = clap::Parser::parse_from(["khaya", "--data-dir", directory.path().to_str().unwrap()]);
        let profile = Profile::open(&arguments).unwrap();
        std_fs::write(profile.incoming().join("left"), "x").unwrap();
        let incoming = Incoming::open(&profile).unwrap();
        assert_eq!(std_fs::read_dir(profile.incoming()).unwrap().count(), 0);
        let number = incoming.begin("a/b.txt", "text/plain").unwrap();
        assert_eq!(incoming.find(number).unwrap().name, "b.txt");
        for _ in 1..AT_ONCE {
            incoming.begin("c", "").unwrap();
        }
        assert_eq!(incoming.begin("d", "").unwrap_err().code, "too_many_files");
        assert_eq!(incoming.find(99).map(drop).unwrap_err().code, "unknown_file");
        remove(incoming.forget(number).unwrap().path).await;
        assert!(incoming.find(number).is_err());
    }
}
