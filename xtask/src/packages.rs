//! What Khaya needs of a system, by purpose, and how to see whether it is there.

use std::collections::BTreeSet;

use crate::{steps::ask, system::System};

/// What something is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Building and running the app and the server.
    Run,
    /// The same, and all tests.
    Test,
    /// The same as for tests, and letters of all the scripts that the demo team writes in.
    Pictures,
    /// The same as for running, and making packages.
    Dist,
    /// The official packages of other languages, that tests and measurements compare with.
    Interop,
}

/// Packages of Debian and Ubuntu.
#[derive(Debug)]
pub(crate) struct Packages {
    wanted: Vec<(&'static str, Probe)>,
}

/// How to see that a package is not missing.
#[derive(Debug, Clone, Copy)]
enum Probe {
    /// dpkg knows it as installed.
    Package,
    /// The program runs, whichever package it came with.
    Program(&'static str),
}

/// For building: headers, and what compiles the C in dependencies.
const RUN: &[(&str, Probe)] = &[
    ("build-essential", Probe::Program("cc")),
    ("pkg-config", Probe::Program("pkg-config")),
    ("libwebkit2gtk-4.1-dev", Probe::Package),
    ("libgtk-3-dev", Probe::Package),
    ("libdbus-1-dev", Probe::Package),
    // SQLCipher's ciphers.
    ("libssl-dev", Probe::Package),
];

/// For tests: a desktop without a screen, a driver for the windows on it, and what joins servers.
const TEST: &[(&str, Probe)] = &[
    ("xvfb", Probe::Package),
    ("webkit2gtk-driver", Probe::Package),
    ("dbus", Probe::Package),
    ("dunst", Probe::Package),
    ("mako-notifier", Probe::Package),
    ("sway", Probe::Package),
    ("gnome-keyring", Probe::Package),
    ("libsecret-tools", Probe::Package),
    ("libglib2.0-bin", Probe::Package),
    ("openbox", Probe::Package),
    ("libfaketime", Probe::Package),
    ("xdotool", Probe::Package),
    ("x11-utils", Probe::Package),
    ("imagemagick", Probe::Package),
    ("fonts-dejavu-core", Probe::Package),
    ("fonts-noto-color-emoji", Probe::Package),
    ("util-linux", Probe::Package),
    ("postgresql", Probe::Package),
    ("redis-server", Probe::Program("redis-server")),
];

/// For packages: what finds the libraries that a program needs, for either kind.
const DIST: &[(&str, Probe)] = &[("dpkg-dev", Probe::Package), ("rpm", Probe::Package)];

const PICTURES: &[(&str, Probe)] = &[
    ("fonts-noto-core", Probe::Package),
    ("fonts-noto-cjk", Probe::Package),
];

const INTEROP: &[(&str, Probe)] = &[
    ("nodejs", Probe::Program("node")),
    ("npm", Probe::Program("npm")),
    ("python3-venv", Probe::Package),
    // A peer in the measurements is built on OpenSSL.
    ("libssl-dev", Probe::Package),
];

/// Modules of pkg-config, for systems whose packages have other names.
const MODULES: &[&str] = &["webkit2gtk-4.1", "gtk+-3.0", "dbus-1", "libcrypto"];

/// Programs that the tests start.
const TEST_PROGRAMS: &[&str] = &[
    "Xvfb",
    "WebKitWebDriver",
    "dbus-daemon",
    "dunst",
    "mako",
    "sway",
    "gnome-keyring-daemon",
    "secret-tool",
    "gdbus",
    "openbox",
    "xdotool",
    "xprop",
    "import",
    "setpriv",
    "unshare",
    "psql",
    "redis-server",
];

const INTEROP_PROGRAMS: &[&str] = &["node", "npm", "python3"];

/// The packages for `purpose`.
pub(crate) fn on_debian(purpose: Purpose) -> Packages {
    let wanted = match purpose {
        Purpose::Run => RUN.to_vec(),
        Purpose::Test => [RUN, TEST, INTEROP].concat(),
        Purpose::Pictures => [RUN, TEST, INTEROP, PICTURES].concat(),
        Purpose::Dist => [RUN, DIST].concat(),
        Purpose::Interop => INTEROP.to_vec(),
    };
    Packages { wanted }
}

impl Packages {
    /// Those that are not there, in the order of the list.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let query = ["--show", "--showformat=${Package} ${db:Status-Status}\n"];
        let known = ask("dpkg-query", &query).unwrap_or_default();
        let installed: BTreeSet<&str> = known
            .lines()
            .filter_map(|line| line.strip_suffix(" installed"))
            .collect();
        let is_missing = |&(name, probe): &(&'static str, Probe)| match probe {
            Probe::Package => !installed.contains(name),
            Probe::Program(program) => !runs(program),
        };
        self.wanted
            .iter()
            .filter(|wanted| is_missing(wanted))
            .map(|(name, _)| *name)
            .collect()
    }
}

/// What is missing on a Linux whose packages we do not install.
pub(crate) fn missing_elsewhere(purpose: Purpose) -> Vec<String> {
    let no_module = |module: &&&str| ask("pkg-config", &["--exists", module]).is_none();
    let mut missing: Vec<String> = match purpose {
        Purpose::Run | Purpose::Test | Purpose::Pictures | Purpose::Dist => MODULES
            .iter()
            .filter(no_module)
            .map(|name| (*name).to_owned())
            .collect(),
        Purpose::Interop => Vec::new(),
    };
    missing.extend(missing_programs(purpose));
    missing
}

/// The programs for `purpose` that are not there.
pub(crate) fn missing_programs(purpose: Purpose) -> Vec<String> {
    let wanted: Vec<&str> = match (purpose, System::here().drives_windows()) {
        (Purpose::Run | Purpose::Dist, _) => Vec::new(),
        (Purpose::Test | Purpose::Pictures, true) => [TEST_PROGRAMS, INTEROP_PROGRAMS].concat(),
        (Purpose::Test | Purpose::Pictures, false) | (Purpose::Interop, _) => INTEROP_PROGRAMS.to_vec(),
    };
    wanted
        .into_iter()
        .filter(|program| !is_on_path(program))
        .map(str::to_owned)
        .collect()
}

/// The command that installs what is missing, on a system on which we do not type it ourselves.
pub(crate) fn command_elsewhere(system: System, purpose: Purpose) -> String {
    let (install, run, test) = match system {
        System::Fedora => (
            "sudo dnf install",
            "gcc gcc-c++ pkgconf webkit2gtk4.1-devel gtk3-devel dbus-devel openssl-devel",
            "xorg-x11-server-Xvfb webkit2gtk-driver dbus-daemon dunst gnome-keyring libsecret openbox xdotool xprop \
             libfaketime ImageMagick google-noto-color-emoji-fonts postgresql-server nodejs npm python3 redis",
        ),
        System::Arch => (
            "sudo pacman -S --needed",
            "base-devel webkit2gtk-4.1 gtk3 dbus openssl",
            "xorg-server-xvfb dbus dunst gnome-keyring libsecret openbox xdotool xorg-xprop libfaketime imagemagick \
             noto-fonts-emoji postgresql nodejs npm python redis",
        ),
        System::Suse => (
            "sudo zypper install",
            "gcc gcc-c++ pkgconf webkit2gtk3-devel gtk3-devel dbus-1-devel libopenssl-devel",
            "xorg-x11-server-Xvfb webkit2gtk-driver dbus-1 dunst gnome-keyring libsecret-tools openbox xdotool \
             libfaketime xprop ImageMagick noto-coloremoji-fonts postgresql-server nodejs npm python3 redis",
        ),
        System::Debian | System::OtherLinux | System::MacOs | System::Windows => {
            return "Install them with your system's package manager, and run the command again.".to_owned();
        }
    };
    let packages = match purpose {
        Purpose::Run | Purpose::Dist => run.to_owned(),
        Purpose::Test | Purpose::Pictures => format!("{run} {test}"),
        Purpose::Interop => "nodejs npm python3".to_owned(),
    };
    format!("Type: {install} {packages}")
}

/// Whether Windows has the web view that the app's window is made of.
pub(crate) fn has_webview2() -> bool {
    const CLIENT: &str = r"Microsoft\EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}";
    [
        r"HKLM\SOFTWARE\WOW6432Node\",
        r"HKLM\SOFTWARE\",
        r"HKCU\Software\",
    ]
    .iter()
    .any(|hive| ask("reg", &["query", &format!("{hive}{CLIENT}"), "/v", "pv"]).is_some())
}

fn runs(program: &str) -> bool {
    ask(program, &["--version"]).is_some()
}

/// Not every program has a `--version` that ends well.
fn is_on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let command = format!("{program}.cmd");
    std::env::split_paths(&folders)
        .any(|folder| folder.join(&file).is_file() || folder.join(&command).is_file())
}
