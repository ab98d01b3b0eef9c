//! `cargo xtask test`: everything that is tested, and a last line that says how it went.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, ExitStatus, Stdio},
};

use crate::{
    Outcome, interop,
    packages::Purpose,
    steps::{ask, build_workspace, cargo, say},
    system::{System, prepare},
};

/// What to test.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The long ones too.
    long: bool,
    /// Only those whose names contain this.
    filter: Option<String>,
}

impl Options {
    /// Of the words after `test`.
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut options = Self::default();
        for word in words {
            match *word {
                "--long" => options.long = true,
                flag if flag.starts_with('-') => return Err(format!("`test` has no option {flag}")),
                filter if options.filter.is_none() => options.filter = Some(filter.to_owned()),
                more => return Err(format!("one filter only, not {more} as well")),
            }
        }
        Ok(options)
    }
}

/// Long tests that are worth a build of their own: hundreds of thousands of simulated days.
struct Optimised {
    package: &'static str,
    target: &'static str,
    tests: [&'static str; 2],
}

const OPTIMISED: Optimised = Optimised {
    package: "khaya-chat",
    target: "simulation",
    tests: [
        "nothing_is_lost_or_doubled_on_full_in_many_runs",
        "nothing_is_lost_on_base_in_many_runs",
    ],
};

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Results {
    passed: u64,
    ignored: u64,
    failed: Vec<String>,
}

/// Prepares, builds, and runs the tests.
pub(crate) fn run(options: &Options) -> Outcome {
    prepare(Purpose::Test)?;
    interop::install()?;
    build_workspace(&["--tests"])?;
    say("Testing");
    let skips = skips(System::here());
    let mut test = cargo();
    test.args(["test", "--workspace", "--no-fail-fast"])
        .args(&options.filter)
        .arg("--");
    if options.long {
        test.arg("--include-ignored");
        for name in OPTIMISED.tests {
            test.args(["--skip", name]);
        }
    }
    for name in skips.iter().filter_map(|skip| skip.name) {
        test.args(["--skip", name]);
    }
    let mut results = Results::default();
    let mut status = watch(&mut test, &mut results)?;
    if options.long {
        say("Testing what takes hours without optimisation");
        let mut test = cargo();
        test.args([
            "test",
            "--release",
            "--no-fail-fast",
            "--package",
            OPTIMISED.package,
            "--test",
        ])
        .arg(OPTIMISED.target)
        .args(&options.filter)
        .args(["--", "--ignored"]);
        let of_these = watch(&mut test, &mut results)?;
        if status.success() {
            status = of_these;
        }
    }
    for Skip { what, why, .. } in &skips {
        say(&format!("Skipped: {what}. {why}"));
    }
    let summary = results.summary(skips.len(), options);
    if status.success() && results.failed.is_empty() {
        say(&summary);
        return Ok(());
    }
    for name in &results.failed {
        println!("    failed: {name}");
    }
    Err(format!("{summary} ({status})"))
}

/// Runs tests, shows what they print, and reads what came of them.
fn watch(test: &mut Command, results: &mut Results) -> Outcome<ExitStatus> {
    // A failed test tells what it waited for; where in the harness it waited does not help.
    let mut child = test
        .env("RUST_LIB_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            results.read(&line);
        }
    }
    child.wait().map_err(|error| format!("cargo is gone: {error}"))
}

impl Results {
    /// One line of what libtest prints.
    fn read(&mut self, line: &str) {
        if let Some((name, "FAILED")) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        {
            self.failed.push(name.to_owned());
        }
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                Some(_) | None => {}
            }
        }
    }

    fn summary(&self, skips: usize, options: &Options) -> String {
        let Self {
            passed,
            ignored,
            failed,
        } = self;
        let mut summary = format!("{passed} passed, {} failed", failed.len());
        if *ignored > 0 && !options.long {
            summary.push_str(&format!(
                ", {ignored} left out because they are long (`cargo xtask test --long`)"
            ));
        }
        if skips > 0 {
            summary.push_str(&format!(", {skips} skipped, as told above"));
        }
        summary
    }
}

/// What this system cannot test.
struct Skip {
    what: &'static str,
    why: &'static str,
    /// Of a test that has to be left out; what else cannot be tested here is not even compiled.
    name: Option<&'static str>,
}

fn skips(system: System) -> Vec<Skip> {
    if !system.drives_windows() {
        const WINDOWS: &str = "That takes Xvfb and WebKitWebDriver, which only Linux has.";
        const POSTGRES: &str = "The tests know where Postgres is and how to run it on Linux alone.";
        return [
            ("the app's windows (desktop, notices, failures)", WINDOWS),
            ("the app against a Base server (base)", WINDOWS),
            (
                "the server on Postgres, on several nodes, and through the official client",
                POSTGRES,
            ),
        ]
        .map(|(what, why)| Skip {
            what,
            why,
            name: None,
        })
        .into();
    }
    if may_mount() {
        return Vec::new();
    }
    vec![Skip {
        what: "the app and the database of a server on a full disk (failures, blackbox_postgres)",
        why: "You may not mount a small disk here. Run this as root, or allow it with \
              `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`.",
        name: Some("a_full_disk"),
    }]
}

/// Whether a file system of one's own can be mounted, by root or in a user namespace, as the harness does it.
fn may_mount() -> bool {
    let mount = ["--", "mount", "-t", "tmpfs", "khaya-test", "/mnt"];
    let as_user = ["--map-current-user", "--keep-caps", "--mount"];
    ask("unshare", &[&["--mount"], &mount[..]].concat()).is_some()
        || ask("unshare", &[&as_user, &mount[..]].concat()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_what_libtest_prints() {
        let mut results = Results::default();
        for line in [
            "running 3 tests",
            "test a::works ... ok",
            "test a::breaks ... FAILED",
            "test a::long ... ignored, long",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s",
        ] {
            results.read(line);
        }
        let expected = Results {
            passed: 41,
            ignored: 1,
            failed: vec!["a::breaks".to_owned()],
        };
        assert_eq!(results, expected);
    }

    #[test]
    fn options_are_a_filter_and_whether_to_take_long() {
        let both = Options {
            long: true,
            filter: Some("socket".to_owned()),
        };
        assert_eq!(Options::parse(&["socket", "--long"]), Ok(both));
        assert_eq!(Options::parse(&[]), Ok(Options::default()));
        assert!(Options::parse(&["a", "b"]).is_err());
        assert!(Options::parse(&["--short"]).is_err());
    }
}
