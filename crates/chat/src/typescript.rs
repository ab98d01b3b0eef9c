//! What crosses to the page, as the page's types: written from these, so that nothing has to be kept equal by hand.

use std::{env, fs, path::Path};

use ts_rs::{Config, TS as _};

use crate::{Intent, Update, View};

/// Writes the file instead of comparing with it.
const WRITE: &str = "KHAYA_WRITE_TYPES";

#[test]
fn the_types_of_the_page_are_those_of_the_app() {
    let folder = tempfile::tempdir().unwrap();
    // JSON's numbers are the page's; none of ours is beyond what they hold.
    let config = Config::new().with_out_dir(folder.path()).with_large_int("number");
    View::export_all(&config).unwrap();
    Update::export_all(&config).unwrap();
    Intent::export_all(&config).unwrap();
    let made = fs::read_to_string(folder.path().join("app.d.ts")).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/app.d.ts");
    if env::var_os(WRITE).is_some() {
        fs::write(path, made).unwrap();
        return;
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    // Not `assert_eq`, which would print both.
    assert!(
        kept == made,
        "ui/app.d.ts is out of date: `{WRITE}=1 cargo test -p khaya-chat --lib typescript` writes it"
    );
}
