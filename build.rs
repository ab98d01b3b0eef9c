//! Declares the commands that the page may be granted. What is not declared here, or not granted in
//! `capabilities/`, is refused.

fn main() {
    let manifest = tauri_build::AppManifest::new().commands(&[
        "alive",
        "append_file",
        "begin_file",
        "detach_file",
        "check_for_update",
        "diagnosis",
        "dispatch",
        "drop_file",
        "end_file",
        "flushed",
        "forget_lock",
        "install_update",
        "lock_now",
        "open_link",
        "save_file",
        "open_profile",
        "save_settings",
        "set_autostart",
        "set_lock",
        "settings",
        "snapshot",
        "system",
        "test_notice",
        "unlock",
    ]);
    let attributes = tauri_build::Attributes::new().app_manifest(manifest);
    tauri_build::try_build(attributes).expect("the configuration of the desktop app is valid");
}
