//! A report of a panic: a file in the profile that the person can look at, and send if they like.
//!
//! It says where it happened and by which way, never what was in hand there: the message of a panic may quote a text
//! or a token, so that it is kept only where it is a part of the program.

use std::{
    backtrace::Backtrace,
    fs, io,
    panic::PanicHookInfo,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use khaya_wire::Timestamp;

/// The folder in a profile's folder.
const FOLDER: &str = "reports";

/// Older ones go.
const KEPT: usize = 10;

/// Writes a report into a profile's folder; gives its place. To be called by the process's panic hook.
///
/// # Errors
/// When it cannot be written.
pub fn write(data_dir: &Path, version: &str, panic: &PanicHookInfo<'_>) -> io::Result<PathBuf> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let report = format!(
        "Khaya {version} on {} ({})\nat {at}, in the thread {}\n{place}: {}\n\n{}\n",
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::thread::current().name().unwrap_or("without a name"),
        message(panic),
        Backtrace::force_capture(),
    );
    let folder = data_dir.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("panic-{:020}.txt", since.as_nanos()));
    fs::write(&path, report)?;
    for old in all(data_dir).into_iter().skip(KEPT) {
        fs::remove_file(old)?;
    }
    Ok(path)
}

/// The reports in a profile's folder, newest first.
#[must_use]
pub fn all(data_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data_dir.join(FOLDER))
        .into_iter()
        .flatten()
        .flatten();
    let mut reports: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("panic-") && name.ends_with(".txt"))
        })
        .collect();
    reports.sort_unstable_by(|a, b| b.cmp(a));
    reports
}

/// What a panic says, where the program says always the same there.
fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(not kept: it may quote what was in hand)")
}

#[cfg(test)]
mod tests {
    use std::{panic, sync::Mutex};

    use super::*;

    #[test]
    fn a_report_tells_where_and_not_what() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().to_owned();
        let written = std::sync::Arc::new(Mutex::new(Vec::new()));
        let (before, to) = (panic::take_hook(), std::sync::Arc::clone(&written));
        let thread = std::thread::current().id();
        panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == thread {
                to.lock().unwrap().push(write(&data_dir, "1.2.3", info).unwrap());
            } else {
                before(info);
            }
        }));
        let text = "our secret".to_owned();
        panic::catch_unwind(|| panic!("{text}")).unwrap_err();
        panic::catch_unwind(|| panic!("always the same")).unwrap_err();
        for _ in 0..KEPT + 3 {
            panic::catch_unwind(|| panic!("again")).unwrap_err();
        }
        let of_formatted = written.lock().unwrap()[0].clone();
        assert!(!of_formatted.exists(), "older ones go");
        assert_eq!(all(folder.path()).len(), KEPT);

        panic::catch_unwind(|| panic!("{text}")).unwrap_err();
        panic::catch_unwind(|| panic!("always the same")).unwrap_err();
        drop(panic::take_hook());
        let reports: Vec<_> = all(folder.path())
            .into_iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert!(reports[0].contains("always the same") && reports[0].contains("report.rs:"));
        assert!(reports[0].contains("1.2.3"));
        assert!(!reports[1].contains("our secret"), "{}", reports[1]);
    }
}
