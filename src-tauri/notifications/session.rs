//! The connection to the session's bus on which notices are shown, and what is left of it when the app ends: its socket
//! goes to a small program, the keeper, which waits for a click. To servers that is still the one who showed them.
//!
//! The connection has a name that is the profile's. The app that is started next asks for it, by which the keeper learns
//! that it is of no use any more.

use std::{
    ffi::OsString,
    mem,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use khaya_keeper::Kept;
use rustix::{fs::Mode, process::umask};
use tokio::net::UnixStream;
use zbus::{
    Address, Connection,
    address::transport::{Transport, UnixSocket},
    connection::Builder,
    fdo::{DBusProxy, RequestNameFlags},
    names::OwnedWellKnownName,
};

use crate::{
    notifications::short,
    profile::{self, Profile},
    update,
};

/// What the names of the connections begin with.
const NAMES: &str = "chat.khaya.desktop.notices.";

/// A connection that can outlive the process.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// None where the bus is reached by something else than a socket of this computer.
    socket: Option<OwnedFd>,
}

/// What is left of the notices on the screen when the app ends.
#[derive(Debug)]
pub(crate) struct Left {
    socket: OwnedFd,
    notices: Vec<Kept>,
    arguments: Vec<String>,
}

/// The name of a profile's connection.
pub(super) fn name(profile: &Profile) -> zbus::Result<OwnedWellKnownName> {
    let mark = short(&profile.root().as_os_str().as_encoded_bytes());
    // No part of a name begins with a digit.
    Ok(OwnedWellKnownName::try_from(format!("{NAMES}p{mark}"))?)
}

impl Session {
    /// Connects, and takes the name from who has it.
    pub(super) async fn open(name: Option<&OwnedWellKnownName>) -> zbus::Result<Self> {
        let (builder, socket) = match path(Address::session()?) {
            Some(path) => {
                let stream = UnixStream::connect(path).await?;
                let socket = stream.as_fd().try_clone_to_owned()?;
                (Builder::unix_stream(stream), Some(socket))
            }
            None => (Builder::session()?, None),
        };
        let connection = builder.build().await?;
        if let Some(name) = name {
            let flags = RequestNameFlags::AllowReplacement
                | RequestNameFlags::ReplaceExisting
                | RequestNameFlags::DoNotQueue;
            let bus = DBusProxy::new(&connection).await?;
            bus.request_name(name.as_ref(), flags).await?;
        }
        Ok(Self { connection, socket })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_closed()
    }

    /// What is left of these notices, on this connection. None: it cannot be handed over, or there is nothing to keep.
    pub(super) fn leave(self, notices: Vec<Kept>, profile: &Profile) -> Option<Left> {
        let socket = self.socket.filter(|_| !notices.is_empty())?;
        // Its end would close the socket for whoever else has it.
        mem::forget(self.connection);
        Some(Left {
            socket,
            notices,
            arguments: profile.arguments(),
        })
    }
}

impl Left {
    /// Starts the keeper. To be called when nothing else reads from the connection any more, and the profile is still
    /// this app's. `mode`: the rights of new files, for the app that the keeper starts.
    pub(crate) fn keep(self, mode: Mode) {
        let command = profile::program()
            .and_then(|app| khaya_keeper::command(self.socket, &self.notices, &app, &self.arguments));
        let started = command.and_then(|mut command| {
            update::forget_in(&mut command);
            let own = umask(mode);
            let started = command.spawn();
            umask(own);
            started
        });
        match started {
            Ok(_) => tracing::info!(notices = self.notices.len(), "notices on the screen are kept"),
            Err(error) => tracing::info!(%error, "notices on the screen lead nowhere any more"),
        }
    }
}

/// Where the socket of a bus is; tokio takes a path that begins with a zero for a name outside of the disk, as unix(7)
/// has it.
fn path(address: Address) -> Option<PathBuf> {
    let Transport::Unix(unix) = address.transport() else {
        return None;
    };
    if let UnixSocket::File(path) = unix.path() {
        return Some(path.clone());
    }
    let UnixSocket::Abstract(name) = unix.path() else {
        return None;
    };
    let mut path = OsString::from("\0");
    path.push(name);
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_of_this_computer_is_reached_by_its_socket() {
        let path = |address: &str| path(address.parse().unwrap());
        assert_eq!(
            path("unix:path=/run/user/1000/bus"),
            Some("/run/user/1000/bus".into())
        );
        assert_eq!(
            path("unix:abstract=/tmp/dbus-x,guid=00000000000000000000000000000000"),
            Some("\0/tmp/dbus-x".into())
        );
        assert_eq!(path("tcp:host=localhost,port=1"), None);
    }
}
