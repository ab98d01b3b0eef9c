//! Signing in from the command line: `--sign-in USERNAME --password-stdin`.
//!
//! The password is read once, handed on, and kept nowhere. The window shows how it went like any other sign-in; a
//! failure is told on standard error as well.

use std::io::{self, BufRead, Write};

use khaya_chat::{
    Intent, actor,
    intent::Secret,
    view::{Failure, Session},
};

use crate::arguments::Arguments;

/// The longest password that is read, in bytes.
const MAX_PASSWORD: u64 = 4096;

/// Who signs in, and where.
#[derive(Debug)]
pub(crate) struct SignIn {
    server: String,
    username: String,
    password: Secret,
}

/// Why the password could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("the password could not be read from standard input")]
    Read(#[from] io::Error),
    #[error("there is no password on standard input; give it as one line")]
    Empty,
}

impl SignIn {
    /// Reads the password if the command line asks for that.
    pub(crate) fn read(arguments: &Arguments, input: impl BufRead) -> Result<Option<Self>, SignInError> {
        let (Some(username), Some(server), true) =
            (&arguments.sign_in, &arguments.server, arguments.password_stdin)
        else {
            return Ok(None);
        };
        let mut line = String::new();
        input.take(MAX_PASSWORD).read_line(&mut line)?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(SignInError::Empty);
        }
        Ok(Some(Self {
            server: server.clone(),
            username: username.clone(),
            password: Secret::new(password),
        }))
    }

    /// Signs in, and tells a failure on standard error.
    pub(crate) async fn run(self, chat: actor::Handle) {
        let mut views = chat.view();
        views.mark_unchanged();
        let Self {
            server,
            username,
            password,
        } = self;
        let failure = match chat
            .dispatch(Intent::SignIn {
                server,
                username,
                password,
            })
            .await
        {
            Ok(()) => loop {
                if views.changed().await.is_err() {
                    return;
                }
                match &views.borrow_and_update().session {
                    Session::SignedIn { .. } | Session::SignedOut { failure: None, .. } => return,
                    Session::SignedOut {
                        failure: Some(failure),
                        ..
                    } => break failure.clone(),
                    Session::Locked { failure, .. } => break failure.clone(),
                    Session::SigningIn { .. } => {}
                }
            },
            Err(failure) => failure,
        };
        tell(&failure);
    }
}

fn tell(failure: &Failure) {
    tracing::warn!(code = failure.code, "the sign-in from the command line failed");
    // If nobody reads it, the window still tells.
    let _ = writeln!(io::stderr(), "khaya: signing in failed: {}", failure.message);
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn read(input: &str) -> Result<Option<SignIn>, SignInError> {
        let arguments = Arguments::parse_from([
            "khaya",
            "--server",
            "a.example",
            "--sign-in",
            "bob",
            "--password-stdin",
        ]);
        SignIn::read(&arguments, input.as_bytes())
    }

    #[test]
    fn reads_one_line() {
        for (input, password) in [
            ("secret\n", "secret"),
            ("se cret \r\nmore", "se cret "),
            ("ä", "ä"),
        ] {
            assert_eq!(read(input).unwrap().unwrap().password.expose(), password);
        }
        assert!(matches!(read(""), Err(SignInError::Empty)));
        assert!(matches!(read("\nx"), Err(SignInError::Empty)));
        assert!(
            SignIn::read(&Arguments::parse_from(["khaya"]), "x".as_bytes())
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn does_not_print_the_password() {
        assert!(!format!("{:?}", read("secret").unwrap()).contains("secret"));
    }
}
