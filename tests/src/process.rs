//! A child process that a test starts: its output goes to a log, its end is ours.
//!
//! Never leaves anything behind: the process is killed and waited for when the value is dropped, and by the
//! kernel when the test itself is killed (Linux).

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::AsyncWriteExt as _,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::timeout,
};

use crate::{
    artifacts::{Artifacts, tail},
    wait::{PATIENCE, eventually},
};

/// How many lines of a log are shown with a failure.
const TAIL: usize = 30;

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
    log: PathBuf,
}

/// A command for `program` that the kernel ends together with the thread that starts it.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Process {
    /// Starts `command`. Standard output and standard error go to `NAME.log` among the artifacts.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(name: &str, command: &mut Command, artifacts: &Artifacts) -> Result<Self> {
        let log = artifacts.path(&format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        let (sender, lines) = mpsc::unbounded_channel();
        let output = child.stdout.take().context("standard output is a pipe")?;
        thread::spawn(move || copy_lines(BufReader::new(output), file, &sender));
        let stdin = child.stdin.take();
        Ok(Self {
            name: name.to_owned(),
            child,
            stdin,
            lines,
            log,
        })
    }

    /// Writes a line to the child's standard input.
    ///
    /// # Errors
    /// When the child does not read any more.
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("standard input is closed")?;
        writeln!(stdin, "{line}")
            .and_then(|()| stdin.flush())
            .with_context(|| {
                format!(
                    "{} does not read; its log ends with\n{}",
                    self.name,
                    tail(&self.log, TAIL)
                )
            })
    }

    /// Writes `text` without a line's end and closes the child's standard input.
    ///
    /// # Errors
    /// When the child does not read any more.
    pub fn write_all_and_close(&mut self, text: &str) -> Result<()> {
        let mut stdin = self.stdin.take().context("standard input is closed")?;
        stdin
            .write_all(text.as_bytes())
            .with_context(|| format!("{} does not read", self.name))
    }

    /// Waits for the next line of standard output that `pick` takes; the ones before are skipped.
    ///
    /// # Errors
    /// When the child ends, or the time is up.
    pub async fn line<T>(&mut self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let lines = &mut self.lines;
        let search = async {
            while let Some(line) = lines.recv().await {
                if let Some(found) = pick(&line) {
                    return Ok(found);
                }
            }
            bail!("it ended")
        };
        timeout(PATIENCE, search)
            .await
            .with_context(|| format!("waited {PATIENCE:?} in vain"))
            .flatten()
            .with_context(|| {
                let log = tail(&self.log, TAIL);
                format!("{} did not say {what}; its log ends with\n{log}", self.name)
            })
    }

    /// Waits for the child to end by itself.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        eventually(what, async || Ok(self.child.try_wait()?)).await
    }

    /// Fails with the log when the child has ended.
    ///
    /// # Errors
    /// When it has.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "{} ended ({status}); its log ends with\n{}",
                self.name,
                tail(&self.log, TAIL)
            );
        }
        Ok(())
    }

    /// Kills the child at once, as a power cut would (SIGKILL), and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// What it is called here.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end and gives its standard output; fails with its standard error.
///
/// # Errors
/// When it cannot be started, takes longer than [`PATIENCE`], or fails.
pub async fn output(command: Command, input: &str) -> Result<String> {
    let shown = format!("{command:?}");
    let run = async {
        let mut child = tokio::process::Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input closes it.
            stdin.write_all(input.as_bytes()).await.ok();
        }
        child.wait_with_output().await
    };
    let output = timeout(PATIENCE, run)
        .await
        .with_context(|| format!("{shown} does not end"))?
        .with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{shown}: {}: {error}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn copy_lines(mut from: impl BufRead, mut log: File, to: &UnboundedSender<String>) {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A log that cannot be written only makes a failure harder to read.
        log.write_all(&line).ok();
        // Nobody may be listening any more; the child must still be able to write.
        to.send(String::from_utf8_lossy(&line).trim_end().to_owned()).ok();
        line.clear();
    }
}
