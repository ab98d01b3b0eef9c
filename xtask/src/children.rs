//! Processes that end with this one, however it ends: by itself, by Ctrl-C, by a kill.
//!
//! A small process of the system's own shell, deaf to Ctrl-C, holds the other end of a pipe. When the pipe closes,
//! which it does in every case, it ends what it was told of.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use crate::Outcome;

/// Reads process ids until the pipe closes, asks those processes to end, and after five seconds makes them.
#[cfg(unix)]
const UNDERTAKER: (&str, &[&str]) = (
    "sh",
    &[
        "-c",
        r#"trap '' INT TERM HUP QUIT
        all=
        while read -r id; do all="$all $id"; done
        for id in $all; do kill -TERM "$id" 2>/dev/null; done
        for moment in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
            left=
            for id in $all; do kill -0 "$id" 2>/dev/null && left="$left $id"; done
            [ -z "$left" ] && exit
            sleep 0.2
        done
        for id in $left; do kill -KILL "$id" 2>/dev/null; done"#,
    ],
);

#[cfg(windows)]
const UNDERTAKER: (&str, &[&str]) = (
    "powershell",
    &[
        "-NoProfile",
        "-Command",
        "$all = @(); while ($id = [Console]::In.ReadLine()) { $all += $id }; \
         Stop-Process -Force -ErrorAction SilentlyContinue -Id $all",
    ],
);

/// The processes that were started. They end when the value is dropped.
#[derive(Debug)]
pub(crate) struct Children {
    undertaker: Child,
    /// Until the end.
    pipe: Option<ChildStdin>,
    started: Vec<Child>,
}

impl Children {
    /// None yet.
    pub(crate) fn new() -> Outcome<Self> {
        let (program, arguments) = UNDERTAKER;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[cfg(windows)]
        {
            // A process group of its own gets no Ctrl-C.
            const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
            std::os::windows::process::CommandExt::creation_flags(&mut command, CREATE_NEW_PROCESS_GROUP);
        }
        let mut undertaker = command
            .spawn()
            .map_err(|error| format!("cannot run `{program}`: {error}"))?;
        let pipe = undertaker.stdin.take();
        Ok(Self {
            undertaker,
            pipe,
            started: Vec::new(),
        })
    }

    /// Starts one more and gives it, to read from and write to.
    pub(crate) fn start(&mut self, command: &mut Command) -> Outcome<&mut Child> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let told = self.pipe.as_mut().map(|pipe| writeln!(pipe, "{}", child.id()));
        self.started.push(child);
        match told {
            Some(Ok(())) => self.started.last_mut().ok_or_else(String::new),
            Some(Err(_)) | None => Err(format!("nobody would end {program}; it is ended now")),
        }
    }

    /// Waits until the `count` that were started last have ended by themselves.
    pub(crate) fn wait_for_last(&mut self, count: usize) -> Outcome<Vec<ExitStatus>> {
        let first = self.started.len().saturating_sub(count);
        let waited = self.started.iter_mut().skip(first).map(Child::wait);
        waited
            .collect::<Result<_, _>>()
            .map_err(|error| format!("a process is gone: {error}"))
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        drop(self.pipe.take());
        for child in &mut self.started {
            // It may have ended long ago.
            child.wait().ok();
        }
        self.undertaker.wait().ok();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_ends_with_the_value() {
        let mut children = Children::new().unwrap();
        let mut sleep = Command::new("sleep");
        let id = children.start(sleep.arg("600")).unwrap().id();
        let runs = || {
            Command::new("kill")
                .args(["-0", &id.to_string()])
                .stderr(Stdio::null())
                .status()
        };
        assert!(runs().unwrap().success());
        drop(children);
        assert!(!runs().unwrap().success());
    }
}
