//! What whoever runs this computer has decided for everybody on it: a file that only they can write.

use std::path::PathBuf;

use serde::Deserialize;

/// The file `policy.json`. What it does not name is as it would be without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Policy {
    /// False: the app neither asks for new versions nor installs them.
    pub(crate) updates: Option<bool>,
    /// Where releases are announced, with `{channel}` in it; what is announced there must be signed all the same.
    pub(crate) update_url: Option<String>,
}

impl Policy {
    /// Reads the file. One that cannot be read forbids what it could forbid: it was meant to say something.
    pub(crate) fn read() -> Self {
        let Some(path) = path() else {
            return Self::default();
        };
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the policy cannot be read");
                Self::strict()
            }
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            tracing::error!(%error, "the policy cannot be understood");
            Self::strict()
        })
    }

    fn strict() -> Self {
        Self {
            updates: Some(false),
            update_url: None,
        }
    }
}

fn path() -> Option<PathBuf> {
    // Whoever tests the app cannot write there.
    if cfg!(debug_assertions)
        && let Some(path) = std::env::var_os("KHAYA_POLICY")
    {
        return Some(path.into());
    }
    if cfg!(target_os = "windows") {
        Some(PathBuf::from(std::env::var_os("ProgramData")?).join("Khaya/policy.json"))
    } else if cfg!(target_os = "macos") {
        Some("/Library/Application Support/Khaya/policy.json".into())
    } else {
        Some("/etc/khaya/policy.json".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_understood_forbids() {
        assert_eq!(Policy::parse(b"{}"), Policy::default());
        assert_eq!(Policy::parse(b"{\"updates\":false}").updates, Some(false));
        for bad in ["", "{\"update\":false}", "{\"updates\":\"no\"}"] {
            assert_eq!(Policy::parse(bad.as_bytes()), Policy::strict(), "{bad}");
        }
    }
}
