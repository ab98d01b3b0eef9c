//! A Redis of a test's own, killed with its value.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::ports;

pub(crate) struct Redis {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Somebody may have taken the port meanwhile.
        let begun = (0..10).find_map(|_| {
            let port = ports::free();
            Some((Self::spawn(port, dir.path())?, port))
        });
        let (child, port) = begun.expect("a Redis that starts");
        Self { child, port, dir }
    }

    /// One that takes connections. None when it ended instead.
    fn spawn(port: u16, dir: &Path) -> Option<Child> {
        let mut child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is installed");
        let mut said = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        if said.any(|line| line.contains("Ready to accept connections")) {
            return Some(child);
        }
        child.wait().unwrap();
        None
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.child = Self::spawn(self.port, self.dir.path()).expect("it starts once more");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
