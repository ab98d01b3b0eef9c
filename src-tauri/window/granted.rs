//! Which window may ask for what, by the rules that are built into the app: each command that there is, by each label
//! and from each origin. What is granted is written down here once more, so that nothing is granted by a slip.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use tauri::ipc::Origin;

use super::{MAIN, context};

/// Everything that the page may ask for. One more is one more that a page gone bad may ask for.
const GRANTED: [&str; 30] = [
    "alive",
    "append_file",
    "begin_file",
    "catch_up",
    "check_for_update",
    "detach_file",
    "diagnosis",
    "dispatch",
    "drop_file",
    "end_file",
    "export_chats",
    "flushed",
    "forget_lock",
    "import_chats",
    "install_update",
    "licences",
    "lock_now",
    "open_link",
    "open_profile",
    "plugin:event|listen",
    "plugin:event|unlisten",
    "save_file",
    "save_settings",
    "set_autostart",
    "set_lock",
    "settings",
    "snapshot",
    "system",
    "test_notice",
    "unlock",
];

/// The first is the one that there is.
const WINDOWS: [&str; 9] = [
    MAIN, "Main", "main2", "main ", "main-1", "", "*", "settings", "update",
];

/// Besides the page's own.
const ORIGINS: [&str; 12] = [
    "https://example.org",
    "http://127.0.0.1:4000",
    "http://localhost",
    "http://tauri.localhost",
    "https://tauri.localhost.example.org",
    "tauri://localhost",
    "tauri://localhost.example.org",
    "ipc://localhost",
    "khaya-file://localhost/staged/x",
    "file:///etc/passwd",
    "data:text/html,x",
    "about:srcdoc",
];

#[test]
fn nothing_is_granted_but_to_the_page_of_the_main_window() {
    let mut context = context();
    let authority = context.runtime_authority_mut();
    let commands = commands();
    assert!(
        commands.len() > 150 && GRANTED.iter().all(|granted| commands.contains(*granted)),
        "{commands:?}"
    );
    let origins = || {
        let remote = ORIGINS.iter().map(|url| Origin::Remote {
            url: url.parse().unwrap(),
        });
        std::iter::once(Origin::Local).chain(remote)
    };
    let (mut refused, mut granted) = (0, BTreeSet::new());
    for command in &commands {
        for window in WINDOWS {
            for origin in origins() {
                if authority
                    .resolve_access(command, window, window, &origin)
                    .is_none()
                {
                    refused += 1;
                    continue;
                }
                assert!(
                    window == MAIN && matches!(origin, Origin::Local),
                    "{command} is granted to the window “{window}”, {origin}"
                );
                granted.insert(command.as_str());
            }
        }
    }
    assert_eq!(granted, BTreeSet::from(GRANTED), "what the page may ask for");
    println!(
        "{} commands, {} windows, {} origins: {refused} refused, {} granted",
        commands.len(),
        WINDOWS.len(),
        origins().count(),
        granted.len()
    );
}

/// Every command of the app, of Tauri and of the plugins that are built in; the build writes them down. And some that
/// do not exist.
fn commands() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gen/schemas/acl-manifests.json");
    let manifests: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut commands =
        BTreeSet::from(["nothing_like_it", "Snapshot", "plugin:main|snapshot"].map(str::to_owned));
    for (plugin, manifest) in manifests.as_object().unwrap() {
        for permission in manifest["permissions"].as_object().unwrap().values() {
            for command in permission["commands"]["allow"].as_array().unwrap() {
                let command = command.as_str().unwrap();
                commands.insert(match plugin.as_str() {
                    "__app-acl__" => command.to_owned(),
                    plugin => {
                        let plugin = plugin.strip_prefix("core:").unwrap_or(plugin);
                        format!("plugin:{plugin}|{command}")
                    }
                });
            }
        }
    }
    commands
}
