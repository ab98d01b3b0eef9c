//! Whether the app starts with the desktop: hidden in the tray, with the profile that asked for it.
//!
//! On Linux a desktop file of the person's own (Desktop Application Autostart Specification); elsewhere what the
//! package `auto-launch` does there. The system is asked each time: a person may change it elsewhere.

use std::{io, path::PathBuf};

use crate::profile::Profile;

/// The entry of one profile.
#[derive(Debug, Clone)]
pub(crate) struct Autostart {
    /// The program, or the image that it runs from.
    program: PathBuf,
    arguments: Vec<String>,
    /// What the entry is called, without an ending.
    name: String,
}

impl Autostart {
    /// The entry of this profile, for the program that runs.
    pub(crate) fn of(profile: &Profile) -> io::Result<Self> {
        Ok(Self {
            program: crate::profile::program()?,
            arguments: [profile.arguments(), vec!["--hidden".to_owned()]].concat(),
            name: format!("khaya-{}", profile.name()),
        })
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn is_on(&self) -> bool {
        self.file().is_some_and(|file| file.is_file())
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn set(&self, on: bool) -> io::Result<()> {
        let file = self.file().ok_or(io::ErrorKind::NotFound)?;
        if on {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            return std::fs::write(file, self.desktop_file());
        }
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    #[cfg(target_os = "linux")]
    fn file(&self) -> Option<PathBuf> {
        Some(
            dirs::config_dir()?
                .join("autostart")
                .join(format!("{}.desktop", self.name)),
        )
    }

    #[cfg(target_os = "linux")]
    fn desktop_file(&self) -> String {
        let program = self.program.to_string_lossy();
        let words = std::iter::once(&*program).chain(self.arguments.iter().map(String::as_str));
        let words: Vec<String> = words.map(quoted).collect();
        format!(
            "[Desktop Entry]\nType=Application\nName=Khaya\nIcon=khaya\nExec={}\nTerminal=false\nNoDisplay=true\n",
            words.join(" ")
        )
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_on(&self) -> bool {
        self.entry()
            .is_ok_and(|entry| entry.is_enabled().unwrap_or(false))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn set(&self, on: bool) -> io::Result<()> {
        let entry = self.entry()?;
        let done = if on { entry.enable() } else { entry.disable() };
        done.map_err(io::Error::other)
    }

    #[cfg(not(target_os = "linux"))]
    fn entry(&self) -> io::Result<auto_launch::AutoLaunch> {
        auto_launch::AutoLaunchBuilder::new()
            .set_app_name(&self.name)
            .set_app_path(&self.program.to_string_lossy())
            .set_args(&self.arguments)
            .build()
            .map_err(io::Error::other)
    }
}

/// A word of `Exec`: in quotes, with what means something in them escaped, and then once more, since the value is a
/// string of a desktop file (Desktop Entry Specification, "The Exec key").
#[cfg(target_os = "linux")]
fn quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '\\' => quoted.push_str("\\\\\\\\"),
            '"' | '`' | '$' => {
                quoted.push_str("\\\\");
                quoted.push(character);
            }
            '%' => quoted.push_str("%%"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_read_as_it_was_meant() {
        let autostart = Autostart {
            program: "/opt/My \"apps\"/khaya".into(),
            arguments: vec![
                "--profile".into(),
                "bob".into(),
                "--data-dir".into(),
                "/a $b %c\\d".into(),
            ],
            name: "khaya-bob".into(),
        };
        let file = autostart.desktop_file();
        let exec = file.lines().find_map(|line| line.strip_prefix("Exec=")).unwrap();
        assert_eq!(
            exec,
            r#""/opt/My \\"apps\\"/khaya" "--profile" "bob" "--data-dir" "/a \\$b %%c\\\\d""#
        );
    }
}
