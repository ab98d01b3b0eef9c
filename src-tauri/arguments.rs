//! The command line of the app, checked: whoever has an [`Arguments`] need not check again.
//!
//! Never holds a password: that comes by standard input.

use std::{path::PathBuf, str::FromStr};

use clap::Parser;
use url::Url;

use crate::deep_link::DeepLink;

/// The profile that is used when none is named.
pub(crate) const DEFAULT_PROFILE: &str = "default";

/// The longest name of a profile. It becomes part of a path and of the names of entries in the keyring.
const MAX_PROFILE_LEN: usize = 64;

/// A chat application for your team's own server.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "khaya", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The profile to use: an account of its own, with its own files and its own window.
    #[arg(long, value_name = "NAME", env = "KHAYA_PROFILE", default_value = DEFAULT_PROFILE, value_parser = profile)]
    pub(crate) profile: String,

    /// The server to sign in at, when nobody is signed in yet: a host name or an address.
    #[arg(long, value_name = "URL", env = "KHAYA_SERVER", value_parser = server)]
    pub(crate) server: Option<String>,

    /// Keep everything of this profile in this directory instead of the system's place for it.
    #[arg(long, value_name = "DIR", env = "KHAYA_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Start without a window: in the tray, if there is one.
    #[arg(long)]
    pub(crate) hidden: bool,

    /// Sign in as this person. The password is read from standard input: one line.
    #[arg(long, value_name = "USERNAME", requires_all = ["password_stdin", "server"], value_parser = username)]
    pub(crate) sign_in: Option<String>,

    /// Read the password for --sign-in from standard input.
    #[arg(long, requires = "sign_in")]
    pub(crate) password_stdin: bool,

    /// What to show: khaya://chat/… or khaya://invite/…
    #[arg(value_name = "LINK", value_parser = DeepLink::from_str)]
    pub(crate) link: Option<DeepLink>,
}

/// Whether this can be the name of a profile.
pub(crate) fn profile(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=MAX_PROFILE_LEN).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a profile's name has 1 to {MAX_PROFILE_LEN} characters from A-Z, a-z, 0-9, '_' and '-'"
        ))
    }
}

/// Accepts what a person may type for a server: `chat.example.org`, `127.0.0.1:4000`, `https://example.org/`.
pub(crate) fn server(text: &str) -> Result<String, String> {
    let text = text.trim();
    let address = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let url = Url::parse(&address).map_err(|error| format!("this is not an address of a server: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the address of a server begins with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name or a password does not belong into the address; use --sign-in".to_owned());
    }
    Ok(text.to_owned())
}

fn username(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("the user name is empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("khaya").chain(arguments.iter().copied()))
    }

    #[test]
    fn is_a_sound_command_line() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn takes_what_the_contract_names() {
        let arguments = parse(&[
            "--profile",
            "bob",
            "--server",
            "http://127.0.0.1:4000",
            "--data-dir",
            "/tmp/x",
            "--hidden",
            "--sign-in",
            "bob",
            "--password-stdin",
        ])
        .unwrap();
        assert_eq!(
            arguments,
            Arguments {
                profile: "bob".into(),
                server: Some("http://127.0.0.1:4000".into()),
                data_dir: Some("/tmp/x".into()),
                hidden: true,
                sign_in: Some("bob".into()),
                password_stdin: true,
                link: None,
            }
        );
        assert_eq!(parse(&[]).unwrap().profile, DEFAULT_PROFILE);
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for (arguments, kind) in [
            (&["--profile", "../x"][..], ErrorKind::ValueValidation),
            (&["--profile", ""], ErrorKind::ValueValidation),
            (&["--server", "ftp://example.org"], ErrorKind::ValueValidation),
            (
                &["--server", "https://a:b@example.org"],
                ErrorKind::ValueValidation,
            ),
            (&["--server", "http://"], ErrorKind::ValueValidation),
            (
                &["--sign-in", "bob", "--server", "a.example"],
                ErrorKind::MissingRequiredArgument,
            ),
            (
                &["--sign-in", "bob", "--password-stdin"],
                ErrorKind::MissingRequiredArgument,
            ),
            (&["--password-stdin"], ErrorKind::MissingRequiredArgument),
            (&["khaya://nowhere/x"], ErrorKind::ValueValidation),
            (&["khaya://chat/a", "khaya://chat/b"], ErrorKind::UnknownArgument),
            (&["--what"], ErrorKind::UnknownArgument),
        ] {
            assert_eq!(parse(arguments).unwrap_err().kind(), kind, "{arguments:?}");
        }
    }
}
