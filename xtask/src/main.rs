//! `cargo xtask`: the commands of the repository. On the standard library alone, so that it builds in a second
//! on a machine that has Rust and nothing else.
//!
//! Owns: what has to be installed, built and started, in which order, and saying so in plain words.
//!
//! Never does: install anything without saying it first, or leave a process behind.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output is its face"
)]

mod bench;
mod check;
mod children;
mod dist;
mod interop;
mod packages;
mod run;
mod screenshots;
mod steps;
mod system;
mod test;

use std::{env, process::ExitCode};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  run [--server URL]         a demo team on a server of your own, and two windows to chat with yourself;
                             with --server, the app alone
  test [--long] [FILTER]     all tests, or those whose names contain FILTER; --long runs the long ones too
  check [--advisories]       formatting, lints, licences; and known vulnerabilities, which needs the network
  bench NAME [ARGUMENTS]     the measurement in benches/NAME
  screenshots                the pictures in docs/screenshots
  dist                       the packages for this system, in target/dist

What is missing on this machine is installed (Debian, Ubuntu) or named.";

/// How a command ends: a sentence for the person when it fails.
type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["run"] => run::demo(),
        ["run", "--server", server] => run::app(server),
        ["test", options @ ..] => test::Options::parse(options).and_then(|options| test::run(&options)),
        ["check"] => check::run(check::Advisories::Leave),
        ["check", "--advisories"] => check::run(check::Advisories::Check),
        ["bench", name, rest @ ..] => bench::run(name, rest),
        ["screenshots"] => screenshots::run(),
        ["dist"] => dist::run(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
