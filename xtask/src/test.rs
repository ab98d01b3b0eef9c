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

/// How many failures are looked at a second time. More of them have one cause, and no accident.
const FEW: usize = 3;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Results {
    passed: u64,
    ignored: u64,
    failed: Vec<String>,
    /// What failed first, and passed when it was run by itself.
    unsteady: Vec<String>,
    /// How many programs began to test, and how many of them came to their end.
    begun: u64,
    ended: u64,
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
    let mut passes = watch(&mut test, &mut results)?.success() || again(&mut results)?;
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
        passes &= watch(&mut test, &mut results)?.success();
    }
    for Skip { what, why, .. } in &skips {
        say(&format!("Skipped: {what}. {why}"));
    }
    for name in &results.unsteady {
        println!("    passed only by itself, which is a fault to be mended: {name}");
    }
    for name in &results.failed {
        println!("    failed: {name}");
    }
    let summary = results.summary(skips.len(), options);
    if passes && results.failed.is_empty() {
        say(&summary);
        return Ok(());
    }
    Err(summary)
}

/// Runs what failed once more, by itself: thousands of things that happen on one machine at the same time can be late
/// for each other. What passes then is told, apart from the others. Whether all of it did.
fn again(results: &mut Results) -> Outcome<bool> {
    if results.failed.is_empty() || results.failed.len() > FEW || results.begun != results.ended {
        return Ok(false);
    }
    say("Testing what failed once more, by itself");
    let names = std::mem::take(&mut results.failed);
    let mut test = cargo();
    test.args(["test", "--workspace", "--no-fail-fast", "--"])
        .args(["--exact", "--include-ignored", "--test-threads=1"])
        .args(&names);
    let mut second = Results::default();
    let status = watch(&mut test, &mut second)?;
    results.judge(names, second, status.success());
    Ok(results.failed.is_empty())
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
    /// What becomes of those that failed, after what came of them when they were run once more.
    fn judge(&mut self, names: Vec<String>, second: Self, succeeded: bool) {
        // A name that nothing was run under has not passed.
        let all_ran =
            second.begun == second.ended && second.passed + second.failed.len() as u64 >= names.len() as u64;
        let holds = |name: &String| all_ran && !second.failed.contains(name);
        (self.unsteady, self.failed) = names.into_iter().partition(holds);
        if !succeeded && self.failed.is_empty() {
            self.failed = std::mem::take(&mut self.unsteady);
        }
        self.passed += self.unsteady.len() as u64;
    }

    /// One line of what libtest prints.
    fn read(&mut self, line: &str) {
        if let Some((name, "FAILED")) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        {
            self.failed.push(name.to_owned());
        }
        if is_begin(line) {
            self.begun += 1;
        }
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.ended += 1;
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
            unsteady,
            ..
        } = self;
        let mut summary = format!("{passed} passed, {} failed", failed.len());
        if !unsteady.is_empty() {
            summary.push_str(&format!(
                ", {} of those that passed only by themselves",
                unsteady.len()
            ));
        }
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

/// Whether libtest says so how many tests a program has.
fn is_begin(line: &str) -> bool {
    let count = line
        .strip_prefix("running ")
        .and_then(|rest| rest.split_once(" test"));
    count.is_some_and(|(count, _)| count.parse::<u64>().is_ok())
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
            begun: 1,
            ended: 2,
            ..Results::default()
        };
        assert_eq!(results, expected);
    }

    #[test]
    fn what_passes_by_itself_is_told_apart_and_nothing_else_passes() {
        let judged = |second: Results, succeeded| {
            let mut results = Results {
                passed: 10,
                ..Results::default()
            };
            results.judge(vec!["a".to_owned(), "b".to_owned()], second, succeeded);
            (results.passed, results.unsteady, results.failed)
        };
        let ran = |passed, failed: &[&str]| Results {
            passed,
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            ..Results::default()
        };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(judged(ran(2, &[]), true), (12, names(&["a", "b"]), vec![]));
        assert_eq!(judged(ran(1, &["b"]), false), (11, names(&["a"]), names(&["b"])));
        // One that was not found, a program that did not end well.
        assert_eq!(judged(ran(1, &[]), true), (10, vec![], names(&["a", "b"])));
        assert_eq!(judged(ran(2, &[]), false), (10, vec![], names(&["a", "b"])));
        let torn = Results {
            begun: 1,
            ..ran(2, &[])
        };
        assert_eq!(judged(torn, true), (10, vec![], names(&["a", "b"])));
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
