//! One running app for each profile: who holds the profile's lock, and how a second start reaches the first.
//!
//! The lock is the system's, on a file of the profile, so it ends with the process however that ends. Beside it
//! stands the address of a local socket on which the holder hears the knock of a second start. Whoever knocks has
//! read the profile's private directory; what they say is checked all the same.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use interprocess::local_socket::{GenericFilePath, Listener, ListenerOptions, Stream, ToFsName, prelude::*};
use serde::{Deserialize, Serialize};

use crate::profile::Profile;

/// The longest knock, in bytes.
const MAX_KNOCK: u64 = 4096;

/// What the holder answers when it has understood.
const HEARD: &str = "heard\n";

/// How often and how long to wait for the address of a holder that has only just started.
const ADDRESS_ATTEMPTS: u32 = 40;
const ADDRESS_PAUSE: Duration = Duration::from_millis(50);

/// What a second start asks of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Knock {
    /// Show the window. False for a second start that wanted none.
    pub(crate) raise: bool,
    /// The link that the second start was to open, as it was written.
    pub(crate) link: Option<String>,
}

/// What asking for a profile led to.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The profile is ours until the [`Instance`] is dropped.
    First(Instance),
    /// It is another process's, which has heard the knock.
    Second,
}

/// The profile's lock, and the door.
#[derive(Debug)]
pub(crate) struct Instance {
    listener: Option<Listener>,
    /// What to remove in the end: the socket, and the file that names it.
    traces: [PathBuf; 2],
    _lock: File,
}

/// Why it is not known whether the profile is free, or why its holder cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceError {
    #[error("the file {path} cannot be locked")]
    Lock { path: PathBuf, source: io::Error },
    #[error("the app is open already for this profile, but it does not answer")]
    Silent(#[source] io::Error),
}

/// Takes the profile, or knocks at who has it.
pub(crate) fn claim(profile: &Profile, knock: &Knock) -> Result<Claim, InstanceError> {
    let path = profile.lock();
    let failed = |source| InstanceError::Lock {
        path: path.clone(),
        source,
    };
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Claim::First(Instance::open(profile, lock))),
        Err(TryLockError::WouldBlock) => {
            deliver(&address_file(profile), knock).map_err(InstanceError::Silent)?;
            Ok(Claim::Second)
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

impl Instance {
    fn open(profile: &Profile, lock: File) -> Self {
        let traces = [socket_path(&profile.root().join("door")), address_file(profile)];
        let [socket, address] = &traces;
        let listener = listen(socket, address);
        if let Err(error) = &listener {
            // Not fatal: a second start then says that the app is open, and cannot raise it.
            tracing::warn!(%error, "a second start will not be heard");
        }
        Self {
            listener: listener.ok(),
            traces,
            _lock: lock,
        }
    }

    /// Calls `on_knock` for every second start, on a thread of its own, for as long as the process lives.
    pub(crate) fn hear(&mut self, on_knock: impl Fn(Knock) + Send + 'static) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        let spawned = thread::Builder::new().name("instance".to_owned()).spawn(move || {
            for visitor in listener.incoming() {
                match visitor.and_then(answer) {
                    Ok(knock) => on_knock(knock),
                    Err(error) => tracing::warn!(%error, "a knock was not understood"),
                }
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "a second start will not be heard");
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Before the lock goes, so that nobody removes the address of who comes next.
        for trace in &self.traces {
            let _ = fs::remove_file(trace);
        }
    }
}

/// Where the address of the holder's socket is written. Not the locked file itself, which others cannot read on
/// Windows.
fn address_file(profile: &Profile) -> PathBuf {
    profile.root().join("instance")
}

fn listen(socket: &Path, address_file: &Path) -> io::Result<Listener> {
    let _ = fs::remove_file(socket);
    let listener = ListenerOptions::new()
        .name(socket.to_fs_name::<GenericFilePath>()?)
        .create_sync()?;
    fs::write(address_file, socket.as_os_str().as_encoded_bytes())?;
    Ok(listener)
}

/// A name that is short enough for a socket: the path of one is limited to about 100 bytes on Unix.
fn socket_path(fallback: &Path) -> PathBuf {
    static SOCKETS: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "khaya-{}-{}",
        process::id(),
        SOCKETS.fetch_add(1, Ordering::Relaxed)
    );
    if cfg!(windows) {
        PathBuf::from(format!(r"\\.\pipe\{name}"))
    } else {
        dirs::runtime_dir().map_or_else(|| fallback.to_owned(), |directory| directory.join(name))
    }
}

fn answer(mut visitor: Stream) -> io::Result<Knock> {
    visitor.set_recv_timeout(Some(Duration::from_secs(2)))?;
    let mut line = String::new();
    BufReader::new((&mut visitor).take(MAX_KNOCK)).read_line(&mut line)?;
    let knock = serde_json::from_str(&line)?;
    visitor.write_all(HEARD.as_bytes())?;
    Ok(knock)
}

fn deliver(address_file: &Path, knock: &Knock) -> io::Result<()> {
    let mut attempt = 1;
    let mut stream = loop {
        match connect(address_file) {
            Ok(stream) => break stream,
            Err(error) if attempt == ADDRESS_ATTEMPTS => return Err(error),
            Err(_) => {
                attempt += 1;
                thread::sleep(ADDRESS_PAUSE);
            }
        }
    };
    let mut line = serde_json::to_string(knock)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_KNOCK)).read_line(&mut answer)?;
    if answer == HEARD {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn connect(address_file: &Path) -> io::Result<Stream> {
    let address = fs::read_to_string(address_file)?;
    let stream = Stream::connect(Path::new(&address).to_fs_name::<GenericFilePath>()?)?;
    stream.set_recv_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn profile(directory: &Path) -> Profile {
        Profile::open(&Arguments::parse_from([
            "khaya",
            "--data-dir",
            directory.to_str().unwrap(),
        ]))
        .unwrap()
    }

    fn knock(raise: bool) -> Knock {
        Knock {
            raise,
            link: Some("khaya://chat/a".to_owned()),
        }
    }

    #[test]
    fn the_second_is_heard_by_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let profile = profile(directory.path());
        let Claim::First(mut instance) = claim(&profile, &Knock::default()).unwrap() else {
            panic!("taken")
        };
        let (heard, knocks) = mpsc::channel();
        instance.hear(move |knock| heard.send(knock).unwrap());

        for raise in [true, false] {
            assert!(matches!(claim(&profile, &knock(raise)).unwrap(), Claim::Second));
            assert_eq!(knocks.recv_timeout(Duration::from_secs(5)).unwrap(), knock(raise));
        }

        // Nonsense at the door neither ends the listener nor counts as a knock.
        let mut stream = connect(&address_file(&profile)).unwrap();
        stream.write_all(b"{\"raise\":7}\n").unwrap();
        drop(stream);
        assert!(matches!(claim(&profile, &knock(true)).unwrap(), Claim::Second));
        assert_eq!(knocks.recv_timeout(Duration::from_secs(5)).unwrap(), knock(true));

        drop(instance);
        assert!(matches!(
            claim(&profile, &Knock::default()).unwrap(),
            Claim::First(_)
        ));
    }

    #[test]
    fn two_profiles_do_not_meet() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = claim(&profile(one.path()), &Knock::default()).unwrap();
        let second = claim(&profile(two.path()), &Knock::default()).unwrap();
        assert!(matches!((first, second), (Claim::First(_), Claim::First(_))));
    }
}
