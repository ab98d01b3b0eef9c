//! What a release says of itself: the file that the app asks for, and which of its parts is for this computer.
//!
//! The form is that of Tauri's static updates, so that one file serves every system:
//! `{"version", "notes", "platforms": {"linux-x86_64": {"url", "signature"}}}`.

use std::{collections::BTreeMap, env};

use semver::Version;
use serde::Deserialize;
use url::Url;

use super::UpdateError;

/// The longest manifest, in bytes, and the longest notes, in characters.
pub(super) const MAX_BYTES: usize = 64 * 1024;
const MAX_NOTES: usize = 4 * 1024;

/// The file as it comes.
#[derive(Debug, Deserialize)]
struct Manifest {
    version: String,
    #[serde(default)]
    notes: String,
    platforms: BTreeMap<String, Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    url: String,
    /// A minisign signature file, in base64.
    signature: String,
}

/// A release that is newer than this program, for this computer. Nothing of it is true before the signature was
/// checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) version: Version,
    /// What is new, in plain text.
    pub(crate) notes: String,
    pub(super) url: Url,
    pub(super) signature: String,
}

/// What the manifest offers to `current`: nothing, if it is not newer.
pub(super) fn read(bytes: &[u8], current: &Version) -> Result<Option<Release>, UpdateError> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|_| UpdateError::Manifest)?;
    let version = manifest.version.trim_start_matches('v');
    let version = Version::parse(version).map_err(|_| UpdateError::Manifest)?;
    if version <= *current {
        return Ok(None);
    }
    let platform = manifest
        .platforms
        .get(&platform())
        .ok_or(UpdateError::OtherSystems)?;
    let url = Url::parse(&platform.url).map_err(|_| UpdateError::Manifest)?;
    if !is_safe(&url) {
        return Err(UpdateError::Manifest);
    }
    Ok(Some(Release {
        version,
        notes: manifest.notes.chars().take(MAX_NOTES).collect(),
        url,
        signature: platform.signature.clone(),
    }))
}

/// What is not over TLS comes from this computer.
pub(super) fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// The name of this kind of computer in a manifest.
fn platform() -> String {
    let system = match env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    format!("{system}-{}", env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offered(version: &str, url: &str) -> Result<Option<Release>, UpdateError> {
        let manifest = json!({
            "version": version,
            "notes": "Better.",
            "platforms": { platform(): { "url": url, "signature": "c2ln" } }
        });
        read(manifest.to_string().as_bytes(), &Version::new(1, 2, 0))
    }

    #[test]
    fn offers_what_is_newer_and_nothing_else() {
        let url = "https://example.org/khaya";
        for (version, is_newer) in [
            ("1.2.1", true),
            ("v2.0.0", true),
            ("1.3.0-beta.1", true),
            ("1.2.0", false),
            ("1.2.0-beta.9", false),
            ("0.9.9", false),
        ] {
            assert_eq!(offered(version, url).unwrap().is_some(), is_newer, "{version}");
        }
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for url in [
            "http://example.org/x",
            "file:///etc/passwd",
            "ftp://example.org/",
            "x",
        ] {
            assert!(
                matches!(offered("2.0.0", url), Err(UpdateError::Manifest)),
                "{url}"
            );
        }
        assert!(offered("2.0.0", "http://127.0.0.1:1/x").unwrap().is_some());
        assert!(matches!(
            offered("two", "https://example.org/"),
            Err(UpdateError::Manifest)
        ));
        for text in ["", "[]", "{\"version\":\"2.0.0\"}", "\u{0}"] {
            assert!(matches!(
                read(text.as_bytes(), &Version::new(1, 0, 0)),
                Err(UpdateError::Manifest)
            ));
        }
        let elsewhere = json!({ "version": "2.0.0", "platforms": {} }).to_string();
        let read = read(elsewhere.as_bytes(), &Version::new(1, 0, 0));
        assert!(matches!(read, Err(UpdateError::OtherSystems)));
    }
}
