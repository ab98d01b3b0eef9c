//! Which system this is, and how it gets what is missing.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use crate::{
    Outcome,
    packages::{self, Packages, Purpose},
    steps::{ask, run, say},
};

/// A kind of system, by how packages get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian, Ubuntu, and what is made of them.
    Debian,
    Fedora,
    Arch,
    Suse,
    OtherLinux,
    MacOs,
    Windows,
}

impl System {
    /// The system that this runs on.
    pub(crate) fn here() -> Self {
        match env::consts::OS {
            "macos" => Self::MacOs,
            "windows" => Self::Windows,
            _ => Self::of_release(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        }
    }

    /// By the text of os-release(5).
    fn of_release(text: &str) -> Self {
        let value = |key: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
        ids.split_whitespace()
            .find_map(|id| match id {
                "debian" | "ubuntu" => Some(Self::Debian),
                "fedora" | "rhel" => Some(Self::Fedora),
                "arch" => Some(Self::Arch),
                "suse" | "opensuse" => Some(Self::Suse),
                _ => None,
            })
            .unwrap_or(Self::OtherLinux)
    }

    /// Whether windows can be driven by tests here: that takes an X server without a screen and WebKitGTK's driver.
    pub(crate) fn drives_windows(self) -> bool {
        match self {
            Self::Debian | Self::Fedora | Self::Arch | Self::Suse | Self::OtherLinux => true,
            Self::MacOs | Self::Windows => false,
        }
    }
}

/// Makes sure that everything for `purpose` is on this machine: installs it where that is possible, or ends with
/// the command to type.
pub(crate) fn prepare(purpose: Purpose) -> Outcome {
    let system = System::here();
    match system {
        System::Debian => install_on_debian(&packages::on_debian(purpose)),
        System::Fedora | System::Arch | System::Suse | System::OtherLinux => {
            let missing = packages::missing_elsewhere(purpose);
            if missing.is_empty() {
                return Ok(());
            }
            let advice = packages::command_elsewhere(system, purpose);
            Err(format!("Missing here: {}.\n{advice}", missing.join(", ")))
        }
        System::MacOs => match ask("xcode-select", &["-p"]) {
            Some(_) => need_programs(purpose, "brew install node python"),
            None => Err("Apple's command line tools are missing. Type: xcode-select --install".to_owned()),
        },
        System::Windows => {
            if packages::has_webview2() {
                return need_programs(purpose, "winget install OpenJS.NodeJS Python.Python.3.12");
            }
            Err(
                "The WebView2 runtime is missing. Type: winget install Microsoft.EdgeWebView2Runtime"
                    .to_owned(),
            )
        }
    }
}

fn install_on_debian(packages: &Packages) -> Outcome {
    let missing = packages.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!(
        "apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    let Some(prefix) = root_prefix() else {
        return Err(format!(
            "These packages are missing, and there is no sudo here. Type as root:\n  apt-get update && {install}"
        ));
    };
    say(&format!(
        "Missing on this system, and installed now: {}",
        missing.join(" ")
    ));
    let mut steps = vec!["apt-get update --quiet".to_owned(), install];
    for step in &mut steps {
        let words: Vec<&str> = prefix.iter().copied().chain(step.split_whitespace()).collect();
        println!("    {}", words.join(" "));
        let [program, arguments @ ..] = words.as_slice() else {
            continue;
        };
        let mut command = Command::new(program);
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        // sudo asks for its password on the terminal by itself.
        run(&mut command)?;
    }
    match packages.missing().as_slice() {
        [] => Ok(()),
        still => Err(format!(
            "still missing after the installation: {}",
            still.join(" ")
        )),
    }
}

/// What has to stand before a command that only root may run; `None` when there is no way.
fn root_prefix() -> Option<&'static [&'static str]> {
    if ask("id", &["-u"])?.trim() == "0" {
        return Some(&[]);
    }
    let has_sudo = Command::new("sudo")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    has_sudo.then_some(&["sudo"])
}

fn need_programs(purpose: Purpose, advice: &str) -> Outcome {
    match packages::missing_programs(purpose).as_slice() {
        [] => Ok(()),
        missing => Err(format!("Missing here: {}. Type: {advice}", missing.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_known_by_its_release_file() {
        for (text, system) in [
            ("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", System::Debian),
            ("ID=ubuntu\nID_LIKE=debian\n", System::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", System::Debian),
            ("ID=rocky\nID_LIKE=\"rhel centos fedora\"\n", System::Fedora),
            ("ID=fedora\n", System::Fedora),
            ("ID=endeavouros\nID_LIKE=arch\n", System::Arch),
            (
                "ID=opensuse-tumbleweed\nID_LIKE=\"opensuse suse\"\n",
                System::Suse,
            ),
            ("ID=alpine\n", System::OtherLinux),
            ("", System::OtherLinux),
        ] {
            assert_eq!(System::of_release(text), system, "{text}");
        }
    }
}
