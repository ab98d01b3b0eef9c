//! Declares the commands that the page may be granted. What is not declared here, or not granted in
//! `capabilities/`, is refused.

fn main() {
    let manifest = tauri_build::AppManifest::new().commands(&[
        "alive",
        "dispatch",
        "flushed",
        "open_link",
        "save_settings",
        "settings",
        "snapshot",
    ]);
    let attributes = tauri_build::Attributes::new().app_manifest(manifest);
    tauri_build::try_build(attributes).expect("the configuration of the desktop app is valid");
}
